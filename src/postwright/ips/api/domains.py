"""What a domain sends from."""

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope, domain_scope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.http import Controller, delete, get, patch, post

from .. import sending
from ..errors import BadIp, BadPool, FeatureOff, IpNotFound, PoolNotFound
from ..schemas.addresses import AddIp, DomainIps, Done, SetSpill, Spill, SpillPool
from ..schemas.pools import Replacement
from ..store import warmups

_ERRORS = (DomainNotFound, BadIp, BadPool, IpNotFound, PoolNotFound, FeatureOff)


class DomainAddresses(Controller):
    """Addresses and pools of a domain."""

    dependencies = {"tenant": domain_scope()}

    # One official client asks for these under /v4.
    @get(
        "/v3/domains/{domain:str}/ips",
        "/v4/domains/{domain:str}/ips",
        id="domains.ips",
        access=Area.IPS,
        errors=(DomainNotFound,),
    )
    async def ips(self, tenant: DomainScope, db: Db) -> DomainIps:
        """List the addresses the domain's mail leaves from."""
        held = await db.read(sending.ips_of, tenant.account_id, tenant.domain_id)
        return DomainIps(held, len(held))

    @post(
        "/v3/domains/{domain:str}/ips",
        "/v4/domains/{domain:str}/ips",
        id="domains.ips.add",
        access=Area.IPS,
        errors=_ERRORS,
    )
    async def add(self, tenant: DomainScope, db: Db, clock: Clock, fields: AddIp) -> Done:
        """Let the domain's mail leave from one more address, or from a pool."""
        if fields.pool_id:
            await db.write(_link, clock.now(), tenant.account_id, tenant.domain_id, fields.pool_id)
        else:
            await db.write(sending.add_ip, clock.now(), tenant.account_id, tenant.domain_id, fields.ip)
        return Done("success")

    @delete(
        "/v3/domains/{domain:str}/ips/{ip:str}",
        "/v4/domains/{domain:str}/ips/{ip:str}",
        id="ips.domain.unlink",
        access=Area.IPS,
        errors=_ERRORS,
    )
    async def remove(self, tenant: DomainScope, ip: str, db: Db, clock: Clock, fields: Replacement) -> Done:
        """Take an address, the pool (`ip_pool`) or everything (`all`) from a domain."""
        await db.write(_remove, clock.now(), tenant, ip, fields)
        return Done("success")

    @delete(
        "/v3/domains/{domain:str}/pool/{ip:str}", id="ip_pools.unlink_domain", access=Area.IPS, errors=_ERRORS
    )
    async def unlink(self, tenant: DomainScope, ip: str, db: Db, clock: Clock, fields: Replacement) -> Done:
        """Take an address, the pool (`ip_pool`) or everything (`all`) from a domain."""
        await db.write(_remove, clock.now(), tenant, ip, fields)
        return Done("success")

    @get("/v3/ips/domain/{domain:str}", id="ips.domain.get", access=Area.IPS, errors=(DomainNotFound,))
    async def spill(self, tenant: DomainScope, db: Db) -> Spill:
        """Show the pool that mail of the domain spills over to."""
        held = await db.read(sending.assigned, tenant.account_id, tenant.domain_id)
        return Spill(SpillPool(held.spill_pool_id))

    @patch("/v3/ips/domain/{domain:str}", id="ips.domain.update", access=Area.IPS, errors=_ERRORS)
    async def set_spill(self, tenant: DomainScope, db: Db, fields: SetSpill) -> Done:
        """Choose the pool that mail of the domain spills over to."""
        warming = await db.read(warmups.warming)
        await db.write(sending.set_spill, tenant.account_id, tenant.domain_id, fields.pool(), warming)
        return Done("success")


def _link(tx: Write, now: int, account_id: str, domain_id: str, pool_id: str) -> None:
    try:
        sending.link_pool(tx, now, account_id, domain_id, pool_id)
    except PoolNotFound as no:
        raise BadPool(no.text) from no  # a bad parameter; what the path names is there


def _remove(tx: Write, now: int, tenant: DomainScope, ip: str, fields: Replacement) -> None:
    account_id, domain_id = tenant.account_id, tenant.domain_id
    if ip == "all":
        sending.clear(tx, now, account_id, domain_id)
    elif ip == "ip_pool":
        sending.unlink_pool(tx, now, account_id, domain_id, ip=fields.ip, pool_id=fields.pool_id)
    else:
        sending.remove_ip(tx, now, account_id, domain_id, ip)


CONTROLLERS = (DomainAddresses,)
