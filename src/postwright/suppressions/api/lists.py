"""The three lists over HTTP: the same six operations each, built from one pattern."""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar import Controller as _Controller

from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post
from postwright.kernel.http.paging import pivot_links, url

from .. import csvfile, schemas, service
from ..errors import BadCsv, BadEntry, BatchTooLarge, NotListed
from ..kinds import BOUNCES, COMPLAINTS, UNSUBSCRIBES, Kind
from ..schemas import AddressDone, CsvFile, Done, ListQuery, TagFilter
from ..service import MAX_BATCH, Entry

UPLOADED = "file uploaded successfully for processing. standby..."
Controllers = tuple[type[_Controller], ...]


def controllers(
    kind: Kind, *, new: Any, page: Any, item: Any, show: Callable[[Any], Any], entry: Callable[[Any], Entry]
) -> Controllers:
    """The operations of one list: `new` is what it takes, `page` and `item` what it gives."""
    path = f"/v3/{{domain:str}}/{kind.path}"
    ids = kind.path

    class Entries(Controller):
        """The list."""

        @get(path, id=f"{ids}.list", access=kind.area, errors=(DomainNotFound,))
        async def list_(self, tenant: DomainScope, db: Db, base_url: str, fields: ListQuery) -> page:
            """List the entries by address."""
            turn = fields.turn(fields.address.lower() or None)
            rows = await db.scan(service.page, tenant.domain_id, kind.name, turn, fields.term.lower())
            address = url(base_url, "v3", tenant.name, kind.path)
            keys = [row.address for row in rows]
            return page(
                [show(row) for row in rows],
                pivot_links(address, turn, "address", keys, {"term": fields.term}),
            )

        @post(
            path,
            id=f"{ids}.add",
            access=kind.area,
            errors=(BadEntry, BatchTooLarge, DomainNotFound),
            gives=AddressDone,
        )
        async def add(self, tenant: DomainScope, db: Db, clock: Clock, fields: new | list[new]) -> Done:
            """Add one entry, or up to a thousand in a JSON array; one that is there is brought up to date."""
            many = isinstance(fields, list)
            given = [entry(each) for each in (fields if many else [fields])]
            if not given:
                raise BadEntry("Missing mandatory parameter: address")
            await db.write(service.add, clock.now(), tenant.domain_id, kind, given)
            if many:
                return Done(kind.added_many.format(count=len(given)))
            return AddressDone(kind.added, given[0].address)

        @delete(path, id=f"{ids}.clear", access=kind.area, errors=(DomainNotFound,))
        async def clear(self, tenant: DomainScope, db: Db) -> Done:
            """Delete all entries."""
            await db.write(service.clear, tenant.domain_id, kind)
            return Done(kind.cleared)

        @post(
            f"{path}/import",
            id=f"{ids}.import",
            access=kind.area,
            status=202,
            errors=(BadCsv, BadEntry, DomainNotFound),
        )
        async def upload(self, tenant: DomainScope, db: Db, clock: Clock, fields: CsvFile) -> Done:
            """Add the entries of a CSV file."""
            found = await asyncio.to_thread(csvfile.entries, fields.file)
            for start in range(0, len(found), MAX_BATCH):
                batch = found[start : start + MAX_BATCH]
                await db.write(service.add, clock.now(), tenant.domain_id, kind, batch)
            return Done(UPLOADED)

    class One(Controller):
        """One entry."""

        @get(f"{path}/{{address:str}}", id=f"{ids}.get", access=kind.area, errors=(NotListed, DomainNotFound))
        async def one(self, tenant: DomainScope, address: str, db: Db) -> item:
            """Show one entry."""
            return show(await db.read(service.one, tenant.domain_id, kind, address))

        @delete(
            f"{path}/{{address:str}}",
            id=f"{ids}.delete",
            access=kind.area,
            errors=(NotListed, DomainNotFound),
        )
        async def remove(self, tenant: DomainScope, address: str, db: Db, fields: TagFilter) -> AddressDone:
            """Delete one entry, or (of an unsubscribe) one of its tags."""
            if fields.tag and kind is UNSUBSCRIBES:
                await db.write(service.remove_tag, tenant.domain_id, address, fields.tag)
            else:
                await db.write(service.remove, tenant.domain_id, kind, address)
            return AddressDone(kind.removed, address)

    Entries.__name__, One.__name__ = f"{kind.path.title()}List", f"{kind.path.title()}One"
    return Entries, One


def _created(given: Any) -> int:
    return max(given.created_at or given.createdat or 0, 0)


def _bounce(given: schemas.NewBounce) -> Entry:
    address = service.parse_address(given.address)
    if not given.code.isdecimal() or len(given.code) > 3:
        raise BadEntry("code parameter is not valid: an SMTP reply code expected")
    return Entry(address=address, code=given.code, error=given.error, created_at=_created(given))


def _unsubscribe(given: schemas.NewUnsubscribe) -> Entry:
    tags = [tag for tag in (*given.tags, *given.tag) if tag]
    return Entry(address=service.parse_address(given.address), tags=tags, created_at=_created(given))


def _complaint(given: schemas.NewComplaint) -> Entry:
    return Entry(address=service.parse_address(given.address), created_at=_created(given))


CONTROLLERS: Controllers = (
    *controllers(
        BOUNCES,
        new=schemas.NewBounce,
        page=schemas.Bounces,
        item=schemas.Bounce,
        show=schemas.bounce,
        entry=_bounce,
    ),
    *controllers(
        UNSUBSCRIBES,
        new=schemas.NewUnsubscribe,
        page=schemas.Unsubscribes,
        item=schemas.Unsubscribe,
        show=schemas.unsubscribe,
        entry=_unsubscribe,
    ),
    *controllers(
        COMPLAINTS,
        new=schemas.NewComplaint,
        page=schemas.Complaints,
        item=schemas.Complaint,
        show=schemas.complaint,
        entry=_complaint,
    ),
)
