"""Events over HTTP."""

import msgspec

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, Raw, get
from postwright.kernel.http.paging import BadToken, position, url

from . import query
from .errors import BadFilter, BadRange, TooBroad
from .query import Page
from .schemas import EventPage, EventQuery, filters_of

_ERRORS = (BadFilter, BadRange, TooBroad, BadToken, DomainNotFound)


class Events(Controller):
    """What happened to a domain's messages."""

    @get("/v3/{domain:str}/events", id="events.list", access=Area.LOGS, errors=_ERRORS, gives=EventPage)
    async def page(self, tenant: DomainScope, db: Db, base_url: str, fields: EventQuery) -> Raw:
        """List events, newest first unless asked otherwise; follow `next` to go on, also later."""
        if fields.page:
            page = position(fields.page, Page)
        else:
            wanted = query.search(
                fields.begin, fields.end, fields.ascending, fields.limit, filters_of(fields)
            )
            page = Page(search=wanted)
        return await _answer(tenant, db, base_url, page)

    @get(
        "/v3/{domain:str}/events/{token:str}",
        id="events.page",
        access=Area.LOGS,
        errors=_ERRORS,
        gives=EventPage,
    )
    async def follow(self, tenant: DomainScope, token: str, db: Db, base_url: str) -> Raw:
        """Go to a page by the token of a paging link."""
        return await _answer(tenant, db, base_url, position(token, Page))


async def _answer(tenant: DomainScope, db: Db, base_url: str, page: Page) -> Raw:
    found = await db.scan(query.find, tenant.domain_id, page)
    links = query.links(url(base_url, "v3", tenant.name, "events"), page, found)
    # The events are JSON already, and go out byte for byte as they were recorded.
    return Raw(b'{"items":[%b],"paging":%b}' % (b",".join(found.items), msgspec.json.encode(links)))


CONTROLLERS = (Events,)
