"""A page of events from the log, and from the table of all events what the log has let go of.

The log keeps its end without gaps, and lets go only of what the table holds. So there is one border, the first event
that the log has: before it the table is read, from it on the log. Both have the same order, so tokens mean the same on
both sides, and it does not matter when the border moves.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from postwright import analytics, events
from postwright.analytics import Ledger, Look, Predicate
from postwright.domains import DomainScope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read
from postwright.kernel.settings import Settings

from . import query, store
from .places import Narrow, Place
from .query import Found, Page

BATCH: Final = 5_000  # events of the table at a time while filtering: each look costs more than in the log
_EVER: Final = 2**57  # microseconds: the year 6536


class Books(msgspec.Struct, frozen=True):
    """Where events are."""

    db: Db
    ledger: Ledger
    settings: Settings
    clock: Clock


async def find(books: Books, tenant: DomainScope, page: Page) -> Found:
    """Read a page of a domain's events. Raises what `query.find` and a ledger's `ask_past` raise."""
    now = books.clock.now()
    found, page = await books.db.scan(_recent, books.settings, now, tenant, page)
    if found is not None:
        return found
    return await books.ledger.ask_past(_everywhere, books.db, tenant, page)


def _recent(
    tx: Read, settings: Settings, now: int, tenant: DomainScope, page: Page
) -> tuple[Found | None, Page]:
    """A page when the log alone is enough for it; and the page, less what is too old to be shown."""
    wanted = page.search
    shown = analytics.oldest_shown(tx, settings, now, tenant.account_id, tenant.domain_id)
    low = max(wanted.low or 0, shown)
    page = msgspec.structs.replace(page, search=msgspec.structs.replace(wanted, low=low))
    border = events.oldest(tx)
    began = max(low, tenant.domain.created_at)
    past = border is None or (border[1] > 1 and began < border[0])
    if past and wanted.ascending == (page.turn == "n") and (border is None or page.at < border[0]):
        return None, page
    found = query.find(partial(store.read, tx, tenant.domain_id), page)
    if past and len(found.items) < wanted.limit:
        return None, page
    return found, page


def _everywhere(look: Look, db: Db, tenant: DomainScope, page: Page) -> Found:
    return query.find(partial(_read, look, db, tenant), page, BATCH)


def _read(
    look: Look,
    db: Db,
    tenant: DomainScope,
    narrow: Narrow,
    *,
    low: int | None,
    high: int | None,
    place: Place | None,
    inclusive: bool,
    rising: bool,
    limit: int,
) -> Sequence[Any]:
    log = partial(
        store.read,
        domain_id=tenant.domain_id,
        narrow=narrow,
        low=low,
        high=high,
        place=place,
        inclusive=inclusive,
        rising=rising,
    )
    table = partial(
        _past, look, tenant, narrow, low=low, high=high, place=place, inclusive=inclusive, rising=rising
    )
    if not rising:
        newer, border = db.read_now(_with_border, log, limit)
        return [*newer, *(table(border, limit - len(newer)) if len(newer) < limit else ())]
    border = db.read_now(events.oldest)
    while True:
        older = table(border, limit)
        if len(older) >= limit:
            return older
        newer, moved = db.read_now(_with_border, log, limit - len(older))
        if moved == border:
            return [*older, *newer]
        border = moved  # what lay between them is in the table now


def _with_border(tx: Read, log: Any, limit: int) -> tuple[Sequence[Any], tuple[int, int] | None]:
    return log(tx, limit=limit), events.oldest(tx)


def _past(
    look: Look,
    tenant: DomainScope,
    narrow: Narrow,
    border: tuple[int, int] | None,
    limit: int,
    *,
    low: int | None,
    high: int | None,
    place: Place | None,
    inclusive: bool,
    rising: bool,
) -> list[tuple[int, int, bytes]]:
    """Time, number and JSON of a domain's events before the border, in the order of reading."""
    first = min(max(low or 0, 0), _EVER)
    last = _EVER if high is None else min(max(high, first), _EVER)
    if border is not None:
        last = max(min(last, border[0]), first)
        if not rising and (place is None or (place.at, place.seq) >= border):
            place, inclusive = Place(*border), False
    exact = {"severity": narrow.severity, "recipient": narrow.recipient, "message_id": narrow.message_id}
    wanted = analytics.Search(
        low=first,
        high=last,
        ascending=rising,
        limit=limit,
        events=(narrow.name,) if narrow.name else (),
        predicates=tuple(Predicate(name, "=", (value,)) for name, value in exact.items() if value),
        domain_ids=(tenant.domain_id,),
    )
    page = analytics.Page(search=wanted)
    if place is not None:
        # Numbers are whole: the event itself lies behind the number before it.
        aside = 0 if not inclusive else -1 if rising else 1
        page = analytics.Page(search=wanted, at=place.at, seq=place.seq + aside)
    found = analytics.history(look, tenant.account_id, page)
    before = [hit for hit in found if border is None or (hit.at, hit.seq) < border]
    return [(hit.at, hit.seq, hit.data.encode()) for hit in before]
