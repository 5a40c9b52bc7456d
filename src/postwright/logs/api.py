"""Events over HTTP."""

import msgspec

from postwright.accounts import Area
from postwright.analytics import Busy, Ledger, TooLong
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, Raw, get, provide
from postwright.kernel.http.paging import BadToken, position, url
from postwright.kernel.settings import Settings

from . import query, service
from .errors import BadFilter, BadRange, TooBroad
from .query import Page
from .schemas import EventPage, EventQuery, filters_of
from .service import Books

_ERRORS = (BadFilter, BadRange, TooBroad, BadToken, DomainNotFound, Busy, TooLong)


def _books(db: Db, ledger: Ledger, settings: Settings, clock: Clock) -> Books:
    return Books(db, ledger, settings, clock)


class Events(Controller):
    """What happened to a domain's messages."""

    dependencies = {"books": provide(_books)}

    @get("/v3/{domain:str}/events", id="events.list", access=Area.LOGS, errors=_ERRORS, gives=EventPage)
    async def page(self, tenant: DomainScope, books: Books, base_url: str, fields: EventQuery) -> Raw:
        """List events, newest first unless asked otherwise; follow `next` to go on, also later."""
        if fields.page:
            page = position(fields.page, Page)
        else:
            wanted = query.search(
                fields.begin, fields.end, fields.ascending, fields.limit, filters_of(fields)
            )
            page = Page(search=wanted)
        return await _answer(tenant, books, base_url, page)

    @get(
        "/v3/{domain:str}/events/{token:str}",
        id="events.page",
        access=Area.LOGS,
        errors=_ERRORS,
        gives=EventPage,
    )
    async def follow(self, tenant: DomainScope, token: str, books: Books, base_url: str) -> Raw:
        """Go to a page by the token of a paging link."""
        return await _answer(tenant, books, base_url, position(token, Page))


async def _answer(tenant: DomainScope, books: Books, base_url: str, page: Page) -> Raw:
    found = await service.find(books, tenant, page)
    links = query.links(url(base_url, "v3", tenant.name, "events"), page, found)
    # The events are JSON already, and go out byte for byte as they were recorded.
    return Raw(b'{"items":[%b],"paging":%b}' % (b",".join(found.items), msgspec.json.encode(links)))


CONTROLLERS = (Events,)
