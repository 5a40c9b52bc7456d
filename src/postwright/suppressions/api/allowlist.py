"""The allowlist over HTTP."""

import asyncio

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post
from postwright.kernel.http.paging import pivot_links, url

from .. import csvfile, schemas, service
from ..errors import BadCsv, BadEntry, BatchTooLarge, NotListed
from ..kinds import ALLOWED_ADDED, ALLOWED_CLEARED, ALLOWED_REMOVED
from ..schemas import AllowedAdded, AllowedEntry, Allowlist, CsvFile, Done, ListQuery, NewAllowed, ValueDone
from ..service import MAX_BATCH
from .lists import UPLOADED

_PATH = "/v3/{domain:str}/whitelists"


class AllowlistEntries(Controller):
    """Addresses and domains that bounces do not block."""

    @get(_PATH, id="allowlist.list", access=Area.ALLOWLIST, errors=(DomainNotFound,))
    async def page(self, tenant: DomainScope, db: Db, base_url: str, fields: ListQuery) -> Allowlist:
        """List the entries by value."""
        turn = fields.turn(fields.address.lower() or None)
        rows = await db.scan(service.allowed_page, tenant.domain_id, turn, fields.term.lower())
        address = url(base_url, "v3", tenant.name, "whitelists")
        links = pivot_links(address, turn, "address", [row.value for row in rows], {"term": fields.term})
        return Allowlist([schemas.allowed(row) for row in rows], links)

    @post(
        _PATH,
        id="allowlist.add",
        access=Area.ALLOWLIST,
        errors=(BadEntry, BatchTooLarge, DomainNotFound),
    )
    async def add(
        self, tenant: DomainScope, db: Db, clock: Clock, fields: NewAllowed | list[NewAllowed]
    ) -> AllowedAdded:
        """Add an address or a domain; several in a JSON array."""
        given = [
            service.parse_allowed(
                each.address, each.domain, each.reason, max(each.created_at or each.createdat or 0, 0)
            )
            for each in (fields if isinstance(fields, list) else [fields])
        ]
        if not given:
            raise BadEntry("Missing mandatory parameter: address/domain")
        await db.write(service.allow, clock.now(), tenant.domain_id, given)
        return AllowedAdded(ALLOWED_ADDED, given[-1].value, given[-1].type)

    @delete(_PATH, id="allowlist.clear", access=Area.ALLOWLIST, errors=(DomainNotFound,))
    async def clear(self, tenant: DomainScope, db: Db) -> Done:
        """Delete all entries."""
        await db.write(service.disallow, tenant.domain_id, None)
        return Done(ALLOWED_CLEARED)

    @post(
        f"{_PATH}/import",
        id="allowlist.import",
        access=Area.ALLOWLIST,
        status=202,
        errors=(BadCsv, BadEntry, DomainNotFound),
    )
    async def upload(self, tenant: DomainScope, db: Db, clock: Clock, fields: CsvFile) -> Done:
        """Add the entries of a CSV file."""
        found = await asyncio.to_thread(csvfile.allowed, fields.file)
        for start in range(0, len(found), MAX_BATCH):
            await db.write(service.allow, clock.now(), tenant.domain_id, found[start : start + MAX_BATCH])
        return Done(UPLOADED)


class AllowlistEntry(Controller):
    """One entry of the allowlist."""

    @get(
        f"{_PATH}/{{value:str}}",
        id="allowlist.get",
        access=Area.ALLOWLIST,
        errors=(NotListed, DomainNotFound),
    )
    async def one(self, tenant: DomainScope, value: str, db: Db) -> AllowedEntry:
        """Show one entry."""
        return schemas.allowed(await db.read(service.allowed, tenant.domain_id, value))

    @delete(
        f"{_PATH}/{{value:str}}",
        id="allowlist.delete",
        access=Area.ALLOWLIST,
        errors=(NotListed, DomainNotFound),
    )
    async def remove(self, tenant: DomainScope, value: str, db: Db) -> ValueDone:
        """Delete one entry."""
        await db.write(service.disallow, tenant.domain_id, value)
        return ValueDone(ALLOWED_REMOVED, value)
