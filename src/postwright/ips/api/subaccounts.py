"""Addresses and pools that subaccounts have from their parent."""

from postwright.accounts import Area, Principal, SubaccountNotFound
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.http import Controller, delete, get, put
from postwright.kernel.ids import hex_id

from .. import linking, pools
from ..errors import BadIp, BadPool, FeatureOff, IpNotFound, PoolNotFound
from ..schemas.addresses import Done, Started
from ..schemas.pools import DelegatePool, Grant, Grants, OneIp
from ..store import pools as store

_ERRORS = (SubaccountNotFound, PoolNotFound, BadPool, FeatureOff)
_PATH = "/v5/accounts/subaccounts"


class Delegation(Controller):
    """What subaccounts have from their parent."""

    @get(f"{_PATH}/ip_pools/all", id="subaccounts.ip_pools.list", access=Area.SUBACCOUNTS)
    async def page(self, principal: Principal, db: Db) -> Grants:
        """List the pools that subaccounts have from the account."""
        rows = await db.read(store.grants, principal.account_id)
        return Grants([Grant(row.pool_id, row.account_id) for row in rows], len(rows))

    @put(
        f"{_PATH}/{{subaccount:str}}/ip_pool",
        id="subaccounts.ip_pools.delegate",
        access=Area.SUBACCOUNTS,
        errors=_ERRORS,
    )
    async def delegate(
        self, principal: Principal, subaccount: str, db: Db, clock: Clock, fields: DelegatePool
    ) -> Started:
        """Let a subaccount send from a pool, instead of the one it had."""
        _needs(fields.pool_id)
        await db.write(pools.delegate, clock.now(), principal.account_id, fields.pool_id, subaccount)
        return Started("started", hex_id())

    @delete(
        f"{_PATH}/{{subaccount:str}}/ip_pool",
        id="subaccounts.ip_pools.revoke",
        access=Area.SUBACCOUNTS,
        errors=_ERRORS,
    )
    async def revoke(
        self, principal: Principal, subaccount: str, db: Db, clock: Clock, fields: DelegatePool
    ) -> Started:
        """Take a pool back from a subaccount; its domains linked to it are unlinked."""
        _needs(fields.pool_id)
        await db.write(pools.revoke, clock.now(), principal.account_id, fields.pool_id, subaccount)
        return Started("started", hex_id())

    @put(
        f"{_PATH}/{{subaccount:str}}/ip",
        id="subaccounts.ips.delegate",
        access=Area.SUBACCOUNTS,
        errors=(SubaccountNotFound, BadIp, IpNotFound),
    )
    async def link(self, principal: Principal, subaccount: str, db: Db, clock: Clock, fields: OneIp) -> Done:
        """Let a subaccount send from one of the account's dedicated addresses."""
        await db.write(linking.link, clock.now(), principal.account_id, subaccount, fields.ip)
        return Done("success")

    @delete(
        f"{_PATH}/{{subaccount:str}}/ip",
        id="subaccounts.ips.revoke",
        access=Area.SUBACCOUNTS,
        errors=(SubaccountNotFound, BadIp, IpNotFound),
    )
    async def unlink(self, principal: Principal, subaccount: str, db: Db, fields: OneIp) -> Done:
        """Take one of the account's addresses back from a subaccount."""
        await db.write(_unlink, principal.account_id, subaccount, fields.ip)
        return Done("success")


def _unlink(tx: Write, account_id: str, subaccount: str, ip: str) -> None:
    linking.unlink(tx, account_id, subaccount, ip)


def _needs(pool_id: str) -> None:
    if not pool_id:
        raise BadPool("pool_id parameter is missing")


CONTROLLERS = (Delegation,)
