"""The account's addresses."""

import re

from postwright.accounts import Area, Principal, SubaccountNotFound
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.http import Controller, InvalidParameter, delete, get, patch, post
from postwright.kernel.lookups import Resolver, State
from postwright.kernel.settings import Settings

from .. import addresses, linking, sending
from ..checks import reverse_name
from ..errors import BadIp, BadPool, FeatureOff, IpNotFound, NoMoreIps, PoolNotFound
from ..records import Feature
from ..schemas.addresses import (
    Allowed,
    Alternative,
    AssignIps,
    Band,
    DetailQuery,
    DomainOfIp,
    DomainsOfIp,
    DomainsQuery,
    Done,
    IpDetail,
    IpDetails,
    IpOnList,
    Ips,
    IpShown,
    ListIps,
    Quota,
    SetSpill,
    Spill,
    SpillPool,
    Started,
)
from ..store import addresses as store
from ..store import pools as pool_store
from ..store import warmups

_WORD = re.compile(r"[\w-]+")
_SORTS = {
    "": "address",
    "address": "address",
    "ip": "address",
    "created_at": "created_at",
    "account_id": "holder",
    "dedicated": "dedicated",
    "pool_last_modified_at": "pool_changed_at",
    "domains_last_modified_at": "domains_changed_at",
}


class Addresses(Controller):
    """Addresses that mail can leave from."""

    @get("/v3/ips", id="ips.list", access=Area.IPS)
    async def page(self, principal: Principal, db: Db, fields: ListIps) -> Ips:
        """List the addresses the account may send from."""
        return await db.read(_listed, principal.account_id, fields)

    @get("/v3/ips/request/new", id="ips.request.quota", access=Area.IPS)
    async def quota(self, principal: Principal, db: Db, settings: Settings) -> Quota:
        """Tell how many more addresses the account may ask for."""
        left, shared = await db.read(addresses.quota, principal.account_id, settings.account_ips)
        return Quota(Allowed(left, shared))

    @post("/v3/ips/request/new", id="ips.request.create", access=Area.IPS, errors=(NoMoreIps,))
    async def request_one(self, principal: Principal, db: Db, settings: Settings) -> Done:
        """Give the account one more dedicated address."""
        await db.write(addresses.request, principal.account_id, settings.account_ips)
        return Done("success")

    @get("/v3/ips/{ip:str}", id="ips.get", access=Area.IPS, errors=(IpNotFound, BadIp))
    async def show(self, principal: Principal, ip: str, db: Db, settings: Settings) -> IpShown:
        """Show an address and the name that DNS has for it."""
        found = await db.read(addresses.need, principal.account_id, ip)
        answer = await Resolver(settings).ask(reverse_name(found.address), "PTR")
        names = [record.target.to_text(omit_final_dot=True) for record in answer.records]
        return IpShown(found.address, found.dedicated, names[0] if answer.state is State.FOUND else "")

    @post(
        "/v3/ips/{ip:str}/ip_band",
        id="ips.set_band",
        access=Area.IPS,
        errors=(IpNotFound, BadIp, FeatureOff),
    )
    async def band(self, principal: Principal, ip: str, db: Db, fields: Band) -> Done:
        """Put a dedicated address into a band."""
        await db.write(addresses.set_band, principal.account_id, ip, fields.ip_band)
        return Done("success")

    @get("/v3/ips/{ip:str}/domains", id="ips.domains.list", access=Area.IPS, errors=(IpNotFound, BadIp))
    async def domains(self, principal: Principal, ip: str, db: Db, fields: DomainsQuery) -> DomainsOfIp:
        """List the account's domains that send from an address."""
        return await db.read(_domains, principal.account_id, ip, fields)

    @post("/v3/ips/{ip:str}/domains", id="ips.domains.link_all", access=Area.IPS, errors=(IpNotFound, BadIp))
    async def link_all(self, principal: Principal, ip: str, db: Db, clock: Clock) -> Started:
        """Let all domains of the account send from an address."""
        name = await db.write(linking.on_all_domains, clock.now(), principal.account_id, ip)
        return Started("started", name)

    @delete(
        "/v3/ips/{ip:str}/domains", id="ips.domains.unlink_all", access=Area.IPS, errors=(IpNotFound, BadIp)
    )
    async def unlink_all(
        self, principal: Principal, ip: str, db: Db, clock: Clock, fields: Alternative
    ) -> Started:
        """Let no domain of the account send from an address any more."""
        name = await db.write(
            linking.off_all_domains, clock.now(), principal.account_id, ip, fields.alternative
        )
        return Started("started", name)


class Details(Controller):
    """Addresses of an account and its subaccounts."""

    @get("/v3/ips/details/all", id="ips.details", access=Area.IPS, errors=(FeatureOff,))
    async def details(self, principal: Principal, db: Db, fields: DetailQuery) -> IpDetails:
        """List addresses in detail, once for each account that has them."""
        if fields.sort_by not in _SORTS:
            raise InvalidParameter("sort_by", f"one of {', '.join(filter(None, _SORTS))} expected")
        wheres = []
        if fields.pool_id:
            wheres.append(store.in_pool(fields.pool_id))
        if fields.domain_id:
            wheres.append(store.on_domain(principal.account_id, fields.domain_id))
        if fields.ip:
            wheres.append(store.like(fields.ip))
        await db.read(addresses.allow, principal.account_id, Feature.DETAILS)
        total, rows = await db.scan(
            store.detailed,
            principal.account_id,
            wheres=wheres,
            subaccount_id=fields.subaccount_id,
            sort=(_SORTS[fields.sort_by], fields.sort_order == "descending"),
            skip=fields.skip,
            limit=fields.limit,
        )
        return IpDetails([IpDetail.of(row, principal.account_id) for row in rows], total)

    @patch(
        "/v3/ips/subaccounts",
        id="ips.assign_subaccounts",
        access=Area.IPS,
        errors=(BadIp, IpNotFound, SubaccountNotFound, FeatureOff),
    )
    async def assign(self, principal: Principal, db: Db, clock: Clock, fields: AssignIps) -> Done:
        """Link dedicated addresses to subaccounts, and unlink them."""
        later = await db.write(
            _assign,
            clock.now(),
            principal.account_id,
            fields,
        )
        return Done("queued" if later else "success")

    @get("/v3/ips/account/settings", id="ips.settings.get", access=Area.IPS)
    async def spill(self, principal: Principal, db: Db) -> Spill:
        """Show the pool that mail of the account spills over to."""
        return Spill(SpillPool(await db.read(store.spill, principal.account_id)))

    @patch(
        "/v3/ips/account/settings", id="ips.settings.update", access=Area.IPS, errors=(PoolNotFound, BadPool)
    )
    async def set_spill(self, principal: Principal, db: Db, fields: SetSpill) -> Done:
        """Choose the pool that mail of the account spills over to."""
        warming = await db.read(warmups.warming)
        await db.write(sending.set_spill, principal.account_id, "", fields.pool(), warming)
        return Done("success")


def _listed(tx: Read, account_id: str, fields: ListIps) -> Ips:
    found = store.of_account(tx, account_id)
    warming = warmups.warming(tx)
    shown = [
        each
        for each in found
        if fields.dedicated in (None, each.dedicated) and fields.enabled in (None, each.enabled)
    ]
    answer = Ips(
        items=[each.address for each in shown],
        total_count=len(shown),
        details=[IpOnList(each.address, each.address in warming) for each in shown],
    )
    if Feature.POOLS not in store.hidden(tx, account_id):
        answer.assignable_to_pools = addresses.assignable(found, account_id, warming)
    return answer


def _domains(tx: Read, account_id: str, ip: str, fields: DomainsQuery) -> DomainsOfIp:
    found = addresses.need(tx, account_id, ip)
    usual = sending.defaults(tx, account_id)
    total, rows = pool_store.domains_with(
        tx,
        account_id,
        found.address,
        found.pool_id,
        words=_WORD.findall(fields.search.lower())[:20],
        default=found.address in usual,
        skip=fields.skip,
        limit=fields.limit,
    )
    pools = pool_store.ips_of(tx, {row.pool_id for row in rows if row.pool_id})
    items = [
        DomainOfIp(
            row.name,
            pools.get(row.pool_id, []) if row.pool_id else (row.ips.split(",") if row.ips else usual),
        )
        for row in rows
    ]
    return DomainsOfIp(items, total)


def _assign(tx: Write, now: int, account_id: str, fields: AssignIps) -> bool:
    return linking.assign(
        tx,
        now,
        account_id,
        fields.subaccount_id,
        everybody=fields.all_subaccounts,
        link_ips=fields.link_ip,
        unlink_ips=fields.unlink_ip,
    )


CONTROLLERS = (Addresses, Details)
