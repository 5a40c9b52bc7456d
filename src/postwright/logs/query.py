"""A search for events: its range, its filters, and the walk over its pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from postwright.kernel.http.paging import Links, token_links

from . import filters
from .errors import BadFilter, BadRange, TooBroad
from .filters import Node, Term
from .places import Narrow, Place, Reader

DEFAULT_LIMIT = 100
MAX_LIMIT = 300  # behaviour.md 6.4
BATCH = 500  # rows read at a time while filtering
MAX_SCANNED = 100_000  # events looked at for one page: some two seconds
MAX_FILTERS = 20
# Of all filters as JSON. Each link has them twice, in base64, and proxies take URLs of 8 KB.
MAX_FILTER_BYTES = 2048


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for. It travels whole in every paging token. Times in microseconds."""

    low: int | None = None
    high: int | None = None
    ascending: bool = False
    limit: int = DEFAULT_LIMIT
    filters: dict[str, list[str]] = {}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a search: `turn` from the event at `at`, `seq` (not there: from the end of the range).

    `n`: what follows it; `p`: what precedes it; `i`: what precedes it, itself included; `l`: the last page.
    """

    search: Search
    turn: str = "n"
    at: int = 0
    seq: int = 0


class Found(msgspec.Struct, frozen=True):
    """A page as found: the events as stored, where it begins and ends, and the last event that was looked at.

    That may lie further than the page: what no filter lets through need not be looked at again.
    """

    items: list[bytes]
    begin: Place | None
    end: Place | None
    reached: Place | None


def search(
    begin: int | None,
    end: int | None,
    ascending: bool | None,
    limit: int,
    given: Mapping[str, Sequence[str]],
) -> Search:
    """The search that a request describes. Raises BadRange, BadFilter."""
    low, high, rising = _range(begin, end, ascending)
    wanted = {field: [text for text in texts if text.strip()] for field, texts in given.items()}
    wanted = {field: texts for field, texts in wanted.items() if texts}
    _parse(wanted)
    return Search(
        low=low,
        high=high,
        ascending=rising,
        limit=min(limit or DEFAULT_LIMIT, MAX_LIMIT),
        filters=wanted,
    )


def _parse(given: Mapping[str, Sequence[str]]) -> list[tuple[str, Node]]:
    """The meaning of all filters. Raises BadFilter."""
    if len(given) > MAX_FILTERS:
        raise BadFilter("filters", f"at most {MAX_FILTERS} fields expected")
    parsed = [(field, filters.parse(field, text)) for field, texts in given.items() for text in texts]
    if len(msgspec.json.encode(given)) > MAX_FILTER_BYTES:
        raise BadFilter("filters", f"at most {MAX_FILTER_BYTES} bytes expected together")
    return parsed


def _range(begin: int | None, end: int | None, ascending: bool | None) -> tuple[int | None, int | None, bool]:
    """Lower bound, upper bound, direction: two times imply one (behaviour.md 6.4)."""
    if begin is not None and end is not None:
        implied = begin <= end
        if ascending is not None and ascending != implied and begin != end:
            raise BadRange("'ascending' contradicts the order of 'begin' and 'end'")
        return min(begin, end), max(begin, end), implied if ascending is None else ascending
    if begin is not None:
        rising = ascending is not False
        return (begin, None, True) if rising else (None, begin, False)
    if end is not None:
        # Without a begin it is now, so the end lies below, unless the caller says that it is climbing to it.
        return (None, end, True) if ascending else (end, None, False)
    return None, None, bool(ascending)


def find(read: Reader, page: Page, batch: int = 0) -> Found:
    """Read a page; `batch` events at a time while filtering, 0: as many as suit the log.

    Raises TooBroad, and BadFilter for a token that somebody made up.
    """
    wanted = page.search
    narrow, rest = _narrow(_parse(wanted.filters))
    keep = _keeper(rest)
    # A page before its position is read away from it, and turned round.
    backwards = page.turn != "n"
    rising = wanted.ascending != backwards
    place = Place(page.at, page.seq) if page.seq else None
    inclusive = page.turn == "i"
    limit = min(max(wanted.limit, 1), MAX_LIMIT)
    batch = (batch or BATCH) if rest else limit
    items: list[tuple[Place, bytes]] = []
    scanned = 0
    while len(items) < limit:
        if scanned >= MAX_SCANNED:
            if not items:
                # An empty page would say that there is nothing more.
                raise TooBroad(MAX_SCANNED)
            break
        rows = read(
            narrow,
            low=wanted.low,
            high=wanted.high,
            place=place,
            inclusive=inclusive,
            rising=rising,
            limit=batch,
        )
        scanned += len(rows)
        for row in rows:
            place, inclusive = Place(row[0], row[1]), False
            if keep(row[2]):
                items.append((place, row[2]))
                if len(items) == limit:
                    break
        if len(rows) < batch:
            break
    if backwards:
        items.reverse()
    places = [place for place, _ in items]
    return Found(
        items=[data for _, data in items],
        begin=places[0] if places else None,
        end=places[-1] if places else None,
        reached=place,
    )


def links(address: str, page: Page, found: Found) -> Links:
    """The four links around a page. They always work: an empty page can be asked for again and again."""
    wanted = page.search
    first = Page(search=wanted)
    last = Page(search=wanted, turn="l")
    backwards = page.turn != "n"

    def turn(name: str, place: Place | None, otherwise: Page) -> Page:
        return otherwise if place is None else Page(search=wanted, turn=name, at=place.at, seq=place.seq)

    if backwards:
        following = turn("n", found.end, first)
        previous = turn("p", found.reached, page)
    else:
        # Behind the end newer events will come, and the way back leads to the last ones.
        following = turn("n", found.reached, page)
        previous = turn("p", found.begin, turn("i", found.reached, last))
    return token_links(address, first=first, next=following, previous=previous, last=last, in_path=True)


def _narrow(parsed: list[tuple[str, Node]]) -> tuple[Narrow, list[tuple[str, Node]]]:
    """What the database can look for by itself, and what is left to look at in each event."""
    exact: dict[str, str] = {}
    rest: list[tuple[str, Node]] = []
    for field, node in parsed:
        word = node.word if isinstance(node, Term) else ""
        usable = field in ("event", "severity", "message-id") or (field == "recipient" and "@" in word)
        if word and usable and exact.get(field, word) == word:
            exact[field] = word
        else:
            rest.append((field, node))
    narrow = Narrow(
        name=exact.get("event"),
        severity=exact.get("severity"),
        recipient=exact.get("recipient"),
        message_id=exact.get("message-id"),
    )
    return narrow, rest


def _keeper(rest: list[tuple[str, Node]]) -> Callable[[bytes], bool]:
    if not rest:
        return lambda data: True

    def keep(data: bytes) -> bool:
        event: dict[str, Any] = msgspec.json.decode(data)
        return all(filters.matches(node, filters.values(field, event)) for field, node in rest)

    return keep
