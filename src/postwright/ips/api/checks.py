"""What looks at DNS found."""

import msgspec

from postwright.accounts import Area, Principal
from postwright.domains import DomainNotFound, DomainScope, domain_scope
from postwright.kernel.db import Db, Read
from postwright.kernel.http import Controller, get, paging

from .. import addresses
from ..errors import BadIp, IpNotFound
from ..records import SourceIp
from ..schemas.checks import (
    Changes,
    ChangeShown,
    CheckShown,
    DomainChecks,
    IpChecks,
    IpsChecked,
    ListChanges,
    ListChecked,
)
from ..store import addresses as address_store
from ..store import checks as store


class _Position(msgspec.Struct):
    """Where a page begins: behind (or before) a time and an id."""

    at: int = 0
    id: str = ""
    back: bool = False


class AddressChecks(Controller):
    """PTR record, EHLO name and blocklists of addresses."""

    @get("/postwright/v1/ips/checks", id="ips.checks.list", access=Area.IPS)
    async def page(self, principal: Principal, db: Db, fields: ListChecked) -> IpsChecked:
        """List what the last looks at the account's addresses found."""
        return await db.read(_page, principal.account_id, fields)

    @get(
        "/postwright/v1/ips/{ip:str}/checks",
        id="ips.checks.get",
        access=Area.IPS,
        errors=(IpNotFound, BadIp),
    )
    async def show(self, principal: Principal, ip: str, db: Db) -> IpChecks:
        """Show what the last looks at an address found."""
        found = await db.read(addresses.need, principal.account_id, ip)
        return _shown([found], await db.read(store.of_scopes, [f"ip:{found.address}"]))[0]

    @get(
        "/postwright/v1/ips/{ip:str}/checks/history",
        id="ips.checks.history",
        access=Area.IPS,
        errors=(IpNotFound, BadIp),
    )
    async def history(
        self, principal: Principal, ip: str, db: Db, base_url: str, fields: ListChanges
    ) -> Changes:
        """List how what looks at an address found changed."""
        found = await db.read(addresses.need, principal.account_id, ip)
        url = paging.url(base_url, "postwright", "v1", "ips", found.address, "checks", "history")
        return await _changes(db, f"ip:{found.address}", url, fields)


class DomainListings(Controller):
    """Blocklists that have domains."""

    dependencies = {"tenant": domain_scope()}

    @get(
        "/postwright/v1/domains/{domain:str}/blocklists",
        id="domains.blocklists",
        access=Area.DOMAINS,
        errors=(DomainNotFound,),
    )
    async def show(self, tenant: DomainScope, db: Db) -> DomainChecks:
        """Show which blocklists have a domain."""
        rows = await db.read(store.of_scopes, [f"domain:{tenant.domain_id}"])
        return DomainChecks(tenant.name, [CheckShown.of(row) for row in rows])

    @get(
        "/postwright/v1/domains/{domain:str}/blocklists/history",
        id="domains.blocklists.history",
        access=Area.DOMAINS,
        errors=(DomainNotFound,),
    )
    async def history(self, tenant: DomainScope, db: Db, base_url: str, fields: ListChanges) -> Changes:
        """List how a domain came onto blocklists and off them."""
        url = paging.url(base_url, "postwright", "v1", "domains", tenant.name, "blocklists", "history")
        return await _changes(db, f"domain:{tenant.domain_id}", url, fields)


def _page(tx: Read, account_id: str, fields: ListChecked) -> IpsChecked:
    found = [each for each in address_store.of_account(tx, account_id) if each.enabled]
    page = found[fields.skip : fields.skip + fields.limit]
    return IpsChecked(_shown(page, store.of_scopes(tx, [f"ip:{each.address}" for each in page])), len(found))


def _shown(ips: list[SourceIp], rows: list[object]) -> list[IpChecks]:
    held: dict[str, list[CheckShown]] = {}
    for row in rows:
        held.setdefault(row.scope, []).append(CheckShown.of(row))  # type: ignore[attr-defined]  # a row
    return [IpChecks(each.address, each.ehlo, held.get(f"ip:{each.address}", [])) for each in ips]


async def _changes(db: Db, scope: str, url: str, fields: ListChanges) -> Changes:
    at = paging.position(fields.page, _Position) if fields.page else _Position()
    after = (at.at, at.id) if at.id else None
    rows = await db.read(store.history, scope, after, fields.limit, backwards=at.back)
    first, last = _Position(), _Position(back=True)
    links = paging.token_links(
        url,
        first=first,
        next=_Position(rows[-1].at, rows[-1].id) if rows else (first if at.back else at),
        previous=_Position(rows[0].at, rows[0].id, True) if rows else (at if at.back else last),
        last=last,
    )
    return Changes([ChangeShown.of(row) for row in rows], links)


CONTROLLERS = (AddressChecks, DomainListings)
