"""Dedicated pools."""

import msgspec

from postwright.accounts import Area, Principal, SubaccountNotFound
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.http import Controller, delete, get, paging, patch, post, put

from .. import pools
from ..errors import BadIp, BadPool, FeatureOff, IpNotFound, PoolNotFound
from ..schemas.addresses import Done
from ..schemas.pools import (
    ChangePool,
    Delegate,
    DomainRef,
    ManyIps,
    NewPool,
    PoolDomains,
    PoolDomainsQuery,
    PoolInfo,
    PoolMade,
    Pools,
    PoolShown,
    Replacement,
)
from ..store import pools as store

_ERRORS = (PoolNotFound, BadPool, BadIp, IpNotFound, FeatureOff)


class _Position(msgspec.Struct):
    """Where a page of domains begins: behind (or before) a domain's id."""

    id: str = ""
    back: bool = False


class IpPools(Controller):
    """Pools of dedicated addresses."""

    @get("/v3/ip_pools", "/v1/ip_pools", id="ip_pools.list", access=Area.IP_POOLS)
    async def page(self, principal: Principal, db: Db) -> Pools:
        """List the account's pools."""
        return Pools([PoolInfo.of(each) for each in await db.read(pools.listed, principal.account_id)])

    @post(
        "/v3/ip_pools",
        "/v1/ip_pools",
        id="ip_pools.create",
        access=Area.IP_POOLS,
        errors=(BadPool, BadIp, IpNotFound, FeatureOff),
    )
    async def create(self, principal: Principal, db: Db, clock: Clock, fields: NewPool) -> PoolMade:
        """Make a pool."""
        ips = [*fields.ip, *fields.ips]
        made = await db.write(
            pools.create, clock.now(), principal.account_id, fields.name, fields.description, ips
        )
        return PoolMade(made)

    @get(
        "/v3/ip_pools/{pool_id:str}",
        "/v1/ip_pools/{pool_id:str}",
        id="ip_pools.get",
        access=Area.IP_POOLS,
        errors=(PoolNotFound, FeatureOff),
    )
    async def show(self, principal: Principal, pool_id: str, db: Db) -> PoolShown:
        """Show a pool and the domains linked to it."""
        held, names = await db.read(pools.one, principal.account_id, pool_id)
        return PoolShown(PoolInfo.of(held, names))

    @patch(
        "/v3/ip_pools/{pool_id:str}",
        "/v1/ip_pools/{pool_id:str}",
        id="ip_pools.update",
        access=Area.IP_POOLS,
        errors=_ERRORS,
    )
    async def change(
        self, principal: Principal, pool_id: str, db: Db, clock: Clock, fields: ChangePool
    ) -> Done:
        """Change a pool, its addresses, and the domains linked to it."""
        wanted = pools.Change(
            name=fields.name,
            description=fields.description,
            add=fields.add_ip,
            remove=fields.remove_ip,
            link=fields.link_domain,
            unlink=fields.unlink_domain,
        )
        await db.write(pools.change, clock.now(), principal.account_id, pool_id, wanted)
        return Done("success")

    @delete(
        "/v3/ip_pools/{pool_id:str}",
        "/v1/ip_pools/{pool_id:str}",
        id="ip_pools.delete",
        access=Area.IP_POOLS,
        errors=_ERRORS,
    )
    async def remove(
        self, principal: Principal, pool_id: str, db: Db, clock: Clock, fields: Replacement
    ) -> Done:
        """Delete a pool; its domains get an address or another pool."""
        await db.write(_delete, clock.now(), principal.account_id, pool_id, fields)
        return Done("started")

    @get(
        "/v3/ip_pools/{pool_id:str}/domains",
        "/v1/ip_pools/{pool_id:str}/domains",
        id="ip_pools.domains.list",
        access=Area.IP_POOLS,
        errors=(PoolNotFound, FeatureOff),
    )
    async def domains(
        self, principal: Principal, pool_id: str, db: Db, base_url: str, fields: PoolDomainsQuery
    ) -> PoolDomains:
        """List the domains linked to a pool."""
        at = paging.position(fields.page, _Position) if fields.page else _Position()
        rows = await db.read(_domains, principal.account_id, pool_id, at, fields.limit)
        return PoolDomains(
            [DomainRef(row.id, row.name) for row in rows],
            _links(f"{base_url}/v3/ip_pools/{pool_id}/domains", at, [row.id for row in rows], fields.limit),
        )


class PoolMembers(Controller):
    """Addresses of pools, and who else has a pool."""

    @put(
        "/v3/ip_pools/{pool_id:str}/ips/{ip:str}",
        "/v1/ip_pools/{pool_id:str}/ips/{ip:str}",
        id="ip_pools.ips.add",
        access=Area.IP_POOLS,
        errors=_ERRORS,
    )
    async def add(self, principal: Principal, pool_id: str, ip: str, db: Db, clock: Clock) -> Done:
        """Put an address into a pool."""
        await db.write(pools.add_ips, clock.now(), principal.account_id, pool_id, [ip])
        return Done("started")

    @delete(
        "/v3/ip_pools/{pool_id:str}/ips/{ip:str}",
        "/v1/ip_pools/{pool_id:str}/ips/{ip:str}",
        id="ip_pools.ips.remove",
        access=Area.IP_POOLS,
        errors=_ERRORS,
    )
    async def remove(self, principal: Principal, pool_id: str, ip: str, db: Db, clock: Clock) -> Done:
        """Take an address out of a pool."""
        await db.write(pools.remove_ip, clock.now(), principal.account_id, pool_id, ip)
        return Done("started")

    @post(
        "/v3/ip_pools/{pool_id:str}/ips.json",
        "/v1/ip_pools/{pool_id:str}/ips.json",
        id="ip_pools.ips.add_many",
        access=Area.IP_POOLS,
        errors=_ERRORS,
    )
    async def add_many(
        self, principal: Principal, pool_id: str, db: Db, clock: Clock, fields: ManyIps
    ) -> Done:
        """Put several addresses into a pool."""
        await db.write(pools.add_ips, clock.now(), principal.account_id, pool_id, fields.ips)
        return Done("started")

    @put(
        "/v3/ip_pools/{pool_id:str}/delegate",
        "/v1/ip_pools/{pool_id:str}/delegate",
        id="ip_pools.delegate",
        access=Area.IP_POOLS,
        errors=(*_ERRORS, SubaccountNotFound),
    )
    async def delegate(
        self, principal: Principal, pool_id: str, db: Db, clock: Clock, fields: Delegate
    ) -> Done:
        """Let a subaccount send from a pool."""
        await db.write(pools.delegate, clock.now(), principal.account_id, pool_id, fields.subaccount_id)
        return Done("started")

    @delete(
        "/v3/ip_pools/{pool_id:str}/delegate",
        "/v1/ip_pools/{pool_id:str}/delegate",
        id="ip_pools.revoke",
        access=Area.IP_POOLS,
        errors=(*_ERRORS, SubaccountNotFound),
    )
    async def revoke(
        self, principal: Principal, pool_id: str, db: Db, clock: Clock, fields: Delegate
    ) -> Done:
        """Take a pool back from a subaccount."""
        await db.write(pools.revoke, clock.now(), principal.account_id, pool_id, fields.subaccount_id)
        return Done("started")


def _delete(tx: Write, now: int, account_id: str, pool_id: str, fields: Replacement) -> None:
    pools.delete(tx, now, account_id, pool_id, ip=fields.ip, other=fields.pool_id)


def _domains(tx: Read, account_id: str, pool_id: str, at: _Position, limit: int) -> list[DomainRef]:
    pool = pools.need(tx, account_id, pool_id)
    rows = store.domains_of(tx, pool.id, at.id, limit, account_id=account_id, backwards=at.back)
    return [DomainRef(row.id, row.name) for row in rows]


def _links(address: str, at: _Position, ids: list[str], limit: int) -> dict[str, str]:
    def link(to: _Position) -> str:
        return f"{address}?page={paging.token(to)}&limit={limit}"

    following = _Position(ids[-1]) if ids else (_Position() if at.back else at)
    previous = _Position(ids[0], back=True) if ids else (at if at.back else _Position(back=True))
    return {
        "first": link(_Position()),
        "next": link(following),
        "previous": link(previous),
        "last": link(_Position(back=True)),
    }


CONTROLLERS = (IpPools, PoolMembers)
