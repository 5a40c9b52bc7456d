"""Dynamic pools."""

from typing import Any
from urllib.parse import urlencode

import msgspec

from postwright.accounts import Area, Principal, SubaccountNotFound
from postwright.domains import Domain, DomainNotFound, DomainScope, of_name
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.http import (
    Controller,
    InvalidParameter,
    delete,
    get,
    paging,
    patch,
    post,
    provide,
    put,
)
from postwright.kernel.patterns import BadPattern, Pattern
from postwright.mail.addresses import AddressError, to_ascii

from .. import dynamic, jobs
from ..errors import (
    BadIp,
    BadPool,
    FeatureOff,
    IpNotFound,
    NotEnrolled,
    NotOwner,
    NotSetUp,
    OverrideNotFound,
    PoolNotFound,
)
from ..schemas.addresses import Done
from ..schemas.dynamic import (
    Assignable,
    Assignables,
    CapitalLinks,
    ChangeIps,
    DomainMoves,
    DynamicPools,
    Enrol,
    EnrolAll,
    Enrolled,
    EnrolledDomains,
    Leave,
    ListAllMoves,
    ListAssignable,
    ListEnrolled,
    ListMoves,
    Move,
    Moves,
    Override,
    Previewed,
    SetUp,
    SetUpDone,
)
from ..store import addresses
from ..store import dynamic as store

_POOL_ERRORS = (NotOwner, NotSetUp, PoolNotFound, BadPool, BadIp, IpNotFound, FeatureOff)
_DOMAIN_ERRORS = (DomainNotFound, NotOwner, NotSetUp, BadPool, BadIp, IpNotFound, FeatureOff)
SCANNED = 500  # domains read at once for a regular expression


class _ByKey(msgspec.Struct):
    """Where a page of domains begins: behind (or before) a sort value and an id."""

    key: str | float = ""
    id: str = ""
    back: bool = False


class _ByTime(msgspec.Struct):
    """Where a page of moves begins: behind (or before) a time and an id."""

    at: int = 0
    id: str = ""
    back: bool = False


async def _family_domain(domain: str, principal: Principal, db: Db) -> DomainScope:
    """The domain in the path, of the account or of a subaccount of it. Raises DomainNotFound."""
    return DomainScope(await db.read(_of_family, principal.account_id, domain), principal)


def _of_family(tx: Read, account_id: str, text: str) -> Domain:
    try:
        found = of_name(tx, to_ascii(text.strip()))
    except AddressError:
        found = None
    if found is None or account_id not in (found.account_id, addresses.parent(tx, found.account_id)):
        raise DomainNotFound
    return found


def _by(principal: Principal) -> str:
    return principal.user_id or principal.key_id


class DynamicPoolsOfAccount(Controller):
    """Pools among which domains move by their figures."""

    @get("/v3/dynamic_pools", id="dynamic_pools.list", access=Area.IP_POOLS, errors=(FeatureOff,))
    async def page(self, principal: Principal, db: Db) -> DynamicPools:
        """List the account's dynamic pools."""
        return DynamicPools.of(await db.read(dynamic.listed, principal.account_id))

    @post("/v3/dynamic_pools/all", id="dynamic_pools.create_all", access=Area.IP_POOLS, errors=_POOL_ERRORS)
    async def set_up(self, principal: Principal, db: Db, clock: Clock, fields: SetUp) -> SetUpDone:
        """Make the three pools, or replace the addresses in them."""
        wanted = msgspec.structs.asdict(fields)
        await db.write(dynamic.set_up, clock.now(), principal.account_id, wanted)
        made = DynamicPools.of(await db.read(dynamic.listed, principal.account_id))
        return SetUpDone(made.good_reputation, made.poor_reputation, made.new_senders)

    @delete("/v3/dynamic_pools/all", id="dynamic_pools.delete_all", access=Area.IP_POOLS, errors=_POOL_ERRORS)
    async def take_apart(self, principal: Principal, db: Db) -> Done:
        """Delete the three pools, once no domain is enrolled."""
        await db.write(dynamic.take_apart, principal.account_id)
        return Done("success")

    @patch(
        "/v3/dynamic_pools/{pool_name:str}",
        id="dynamic_pools.update",
        access=Area.IP_POOLS,
        errors=_POOL_ERRORS,
    )
    async def change(
        self, principal: Principal, pool_name: str, db: Db, clock: Clock, fields: ChangeIps
    ) -> Done:
        """Put addresses into a pool and take others out."""
        await db.write(
            dynamic.change,
            clock.now(),
            principal.account_id,
            pool_name,
            fields.add_ip,
            fields.remove_ip,
        )
        return Done("success")

    @post(
        "/v3/dynamic_pools/{pool_name:str}/{ip:str}",
        id="dynamic_pools.add_ip",
        access=Area.IP_POOLS,
        errors=_POOL_ERRORS,
    )
    async def add(self, principal: Principal, pool_name: str, ip: str, db: Db, clock: Clock) -> Done:
        """Put an address into a pool."""
        await db.write(dynamic.change, clock.now(), principal.account_id, pool_name, [ip], [])
        return Done("success")

    @post(
        "/v3/domains/all/dynamic_pools/enroll",
        id="dynamic_pools.enroll_all",
        access=Area.IP_POOLS,
        errors=(NotOwner, NotSetUp, FeatureOff),
    )
    async def enrol_all(self, principal: Principal, db: Db, clock: Clock, fields: EnrolAll) -> Done:
        """Put all domains of the account into its dynamic pools, in the background."""
        await db.write(
            _enrol_all, clock.now(), principal.account_id, fields.include_subaccounts, _by(principal)
        )
        return Done("started")

    @get(
        "/v3/domains/dynamic_pools/assignable",
        id="dynamic_pools.assignable",
        access=Area.IP_POOLS,
        errors=(SubaccountNotFound, FeatureOff),
    )
    async def assignable(self, principal: Principal, db: Db, fields: ListAssignable) -> Assignables:
        """List domains that are not enrolled; `domain` is a regular expression."""
        try:
            pattern = Pattern(fields.domain) if fields.domain else None
        except BadPattern as bad:
            raise InvalidParameter("domain", str(bad)) from bad
        return Assignables(await db.scan(_assignable, principal.account_id, fields, pattern))


class DynamicDomains(Controller):
    """Domains in dynamic pools."""

    dependencies = {"tenant": provide(_family_domain)}

    @post(
        "/v3/domains/{domain:str}/dynamic_pools",
        id="dynamic_pools.domain.enroll",
        access=Area.IP_POOLS,
        errors=_DOMAIN_ERRORS,
    )
    async def enrol(self, tenant: DomainScope, db: Db, clock: Clock, fields: Enrol) -> Done:
        """Put a domain into the dynamic pool for which its figures speak."""
        await db.write(
            dynamic.enrol, clock.now(), tenant.domain, fields.replacement_ip, _by(tenant.principal)
        )
        return Done("success")

    @delete(
        "/v3/domains/{domain:str}/dynamic_pools",
        id="dynamic_pools.domain.remove",
        access=Area.IP_POOLS,
        errors=(*_DOMAIN_ERRORS, NotEnrolled),
    )
    async def remove(self, tenant: DomainScope, db: Db, clock: Clock, fields: Leave) -> Done:
        """Take a domain out of its dynamic pool; it gets addresses or a dedicated pool instead."""
        await db.write(
            dynamic.remove,
            clock.now(),
            tenant.domain,
            tenant.principal.home_id,
            fields.replacement_ip,
            fields.replacement_pool_id,
        )
        return Done("success")

    @put(
        "/v1/dynamic_pools/domains/{domain:str}/override",
        id="dynamic_pools.override.set",
        access=Area.IP_POOLS,
        errors=(*_DOMAIN_ERRORS, NotEnrolled),
    )
    async def override(self, tenant: DomainScope, db: Db, clock: Clock, fields: Override) -> Done:
        """Choose the pool of a domain; checks move it no more."""
        principal = tenant.principal
        await db.write(
            dynamic.override, clock.now(), tenant.domain, principal.home_id, fields.pool, _by(principal)
        )
        return Done("success")

    @delete(
        "/v1/dynamic_pools/domains/{domain:str}/override",
        id="dynamic_pools.override.delete",
        access=Area.IP_POOLS,
        errors=(*_DOMAIN_ERRORS, NotEnrolled, OverrideNotFound),
    )
    async def release(self, tenant: DomainScope, db: Db) -> Done:
        """Leave the pool of a domain to checks again."""
        await db.write(dynamic.release, tenant.domain, tenant.principal.home_id)
        return Done("success")

    @get(
        "/v1/dynamic_pools/domains/{domain:str}/preview",
        id="dynamic_pools.domain.preview",
        access=Area.IP_POOLS,
        errors=(DomainNotFound, FeatureOff),
    )
    async def preview(self, tenant: DomainScope, db: Db, clock: Clock) -> Previewed:
        """Check a domain and tell in which pool it would be; nothing is changed."""
        await db.read(dynamic.owner, tenant.principal.account_id)
        return Previewed.of(*await db.read(dynamic.preview, clock.now(), tenant.domain_id))

    @get(
        "/v1/dynamic_pools/domains/{domain:str}/history",
        id="dynamic_pools.domain.history",
        access=Area.IP_POOLS,
        errors=(DomainNotFound, FeatureOff),
    )
    async def history(self, tenant: DomainScope, db: Db, base_url: str, fields: ListMoves) -> DomainMoves:
        """List how a domain moved between dynamic pools, the newest move first."""
        owner_id = await db.read(dynamic.owner, tenant.account_id)
        address = paging.url(base_url, "v1", "dynamic_pools", "domains", tenant.name, "history")
        return DomainMoves.of(await _moves(db, owner_id, address, fields, domain_id=tenant.domain_id))


class DynamicLists(Controller):
    """What is in dynamic pools, and how it came there."""

    @get(
        "/v1/dynamic_pools/domains",
        id="dynamic_pools.domain.list",
        access=Area.IP_POOLS,
        errors=(FeatureOff,),
    )
    async def domains(
        self, principal: Principal, db: Db, base_url: str, fields: ListEnrolled
    ) -> EnrolledDomains:
        """List enrolled domains of the account and its subaccounts."""
        owner_id = await db.read(dynamic.owner, principal.account_id)
        own = owner_id == principal.account_id
        at = paging.position(fields.page, _ByKey) if fields.page else _ByKey()
        if isinstance(at.key, str) != (fields.sort_by == "name") and at.id:
            raise paging.BadToken  # it was made for another order
        total, rows = await db.scan(
            store.page,
            owner_id,
            accounts_of=fields.account if own else [principal.account_id],
            bands=fields.pool,
            sort=(fields.sort_by, fields.sort_order == "descending"),
            after=(at.key, at.id) if at.id else None,
            backwards=at.back,
            limit=fields.limit,
        )
        ends = [_ByKey(row.key, row.domain_id) for row in rows]
        links = _links(paging.url(base_url, "v1", "dynamic_pools", "domains"), fields, _ByKey(), at, ends)
        return EnrolledDomains([Enrolled.of(row) for row in rows], links, total)

    @get("/v1/dynamic_pools/history", id="dynamic_pools.history", access=Area.IP_POOLS, errors=(FeatureOff,))
    async def history(self, principal: Principal, db: Db, base_url: str, fields: ListAllMoves) -> Moves:
        """List how domains moved between dynamic pools, the newest move first."""
        owner_id = await db.read(dynamic.owner, principal.account_id)
        everybody = fields.include_subaccounts and owner_id == principal.account_id
        return await _moves(
            db,
            owner_id,
            paging.url(base_url, "v1", "dynamic_pools", "history"),
            fields,
            account_id="" if everybody else principal.account_id,
            domain=fields.domain.strip().lower(),
        )


async def _moves(db: Db, owner_id: str, address: str, fields: ListMoves, **of: str) -> Moves:
    at = paging.position(fields.page, _ByTime) if fields.page else _ByTime()
    total, rows = await db.scan(
        store.history,
        owner_id,
        since=fields.moment("after"),
        until=fields.moment("before"),
        moved_to=fields.moved_to,
        moved_from=fields.moved_from,
        after=(at.at, at.id) if at.id else None,
        backwards=at.back,
        limit=fields.limit,
        **of,
    )
    ends = [_ByTime(row.at, row.id) for row in rows]
    return Moves([Move.of(row) for row in rows], _links(address, fields, _ByTime(), at, ends), total)


def _links(address: str, fields: msgspec.Struct, first: Any, at: Any, ends: list[Any]) -> CapitalLinks:
    """The links around a page whose items are at `ends`; what chose the items is repeated in them."""
    given = [
        (name, each)
        for name, value in msgspec.to_builtins(fields).items()
        if name not in ("page", "Limit") and value not in ("", [], False)
        for each in (value if isinstance(value, list) else [value])
    ]
    repeated = urlencode([(name, "yes" if value is True else value) for name, value in given])
    last = msgspec.structs.replace(first, back=True)
    following = ends[-1] if ends else (first if at.back else at)
    before = msgspec.structs.replace(ends[0], back=True) if ends else (at if at.back else last)

    def link(to: Any) -> str:
        return f"{address}?{repeated}&page={paging.token(to)}"

    return CapitalLinks(link(first), link(following), link(before), link(last))


def _enrol_all(tx: Write, now: int, account_id: str, subaccounts: bool, by: str) -> None:
    dynamic.need_owner(tx, account_id)
    dynamic.need_pools(tx, account_id)
    jobs.add(tx, now, account_id, "enrol", subaccounts=["yes"] if subaccounts else [], by=[by])


def _assignable(
    tx: Read, account_id: str, fields: ListAssignable, pattern: Pattern | None
) -> list[Assignable]:
    dynamic.owner(tx, account_id)
    of = account_id
    if fields.subaccount_id:
        if not addresses.are_children(tx, account_id, [fields.subaccount_id]):
            raise SubaccountNotFound
        of = fields.subaccount_id
    found: list[Assignable] = []
    after, skip = "", fields.skip
    where = store.family(of, subaccounts=False)
    while len(found) < fields.limit and (rows := store.outside(tx, where, after, SCANNED)):
        after = rows[-1].id
        fitting = [row for row in rows if pattern is None or pattern.search(row.name)]
        found += [Assignable(row.id, row.name, row.account_id) for row in fitting[skip:]]
        skip = max(0, skip - len(fitting))
    return found[: fields.limit]


CONTROLLERS = (DynamicPoolsOfAccount, DynamicDomains, DynamicLists)
