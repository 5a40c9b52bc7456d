"""Searching the log of an account: pages by position, newest or oldest first."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from postwright.kernel.http.paging import BadToken, position, token

from . import filters
from .columns import DAY
from .errors import BadQuery, NoSuchToken
from .filters import Predicate
from .ledger import Look, Parameters
from .metrics import event_bits, predicates
from .ranges import back, bounds
from .schemas import LogsPages, LogsPaginationIn, LogsQuery

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 100
MAX_TOKEN: Final = 200_000  # characters: it travels in a body
EVENTS: Final = frozenset(
    (
        "accepted",
        "delivered",
        "failed",
        "opened",
        "unique_opened",
        "clicked",
        "unique_clicked",
        "unsubscribed",
        "complained",
        "rejected",
        "stored",
        "email_validation",
        "list_uploaded",
        "list_member_uploaded",
        "list_member_upload_error",
        "trapped",
    )
)


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; it travels whole in every token. Times in microseconds, both included."""

    low: int
    high: int
    ascending: bool = False
    limit: int = DEFAULT_LIMIT
    events: tuple[str, ...] = ()
    marks: int = 0  # only events with one of these bits; 0: any
    predicates: tuple[Predicate, ...] = ()
    domain_ids: tuple[str, ...] = ()  # only these, when there are any
    subaccounts: bool = False
    totals: bool = False


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a search: `turn` from the event at `at`, `seq` (0: from the end of the range).

    `n`: what follows it; `p`: what precedes it; `l`: the last page.
    """

    search: Search
    turn: str = "n"
    at: int = 0
    seq: int = 0


class Hit(msgspec.Struct, frozen=True):
    """An event that was found."""

    at: int
    seq: int
    account_id: str
    data: str


Place = tuple[int, int]  # time, number
Columns = Sequence[str]
_HIT: Final = ("ts", "seq", "account_id", "data")


class Found(msgspec.Struct, frozen=True):
    """A page, in the order that was asked for, and how many events of which name there are in all."""

    hits: list[Hit]
    totals: dict[str, int] | None


def understand(query: LogsQuery, now: int) -> Page:
    """The page a request asks for. Raises BadQuery."""
    paging = query.pagination or LogsPaginationIn()
    if paging.token:
        return _followed(paging.token)
    low, high = bounds(
        now, query.start, query.end, query.duration, back(now if query.end is None else query.end, 1, "day")
    )
    for name in query.events:
        if name not in EVENTS:
            raise BadQuery(f"'{name[:100]}' is not a valid event")
    given = predicates(query.filter)
    filters.check(given, filters.LOGS)
    field, _, way = (paging.sort.strip().lower() or "timestamp:desc").partition(":")
    if field not in ("timestamp", "@timestamp", "time") or way not in ("", "asc", "desc"):
        raise BadQuery("'sort' attribute is invalid")
    if not 0 <= paging.limit <= MAX_LIMIT:
        raise BadQuery(f"'limit' attribute is invalid: at most {MAX_LIMIT} expected")
    return Page(
        search=Search(
            low=low,
            high=high,
            ascending=way != "desc",
            limit=paging.limit or DEFAULT_LIMIT,
            events=tuple(dict.fromkeys(query.events)),
            marks=event_bits(query.metric_events),
            predicates=given,
            subaccounts=query.include_subaccounts,
            totals=query.include_totals,
        )
    )


def _followed(text: str) -> Page:
    try:
        page = position(text, Page, MAX_TOKEN)
    except BadToken:
        raise NoSuchToken from None
    wanted = page.search
    filters.check(wanted.predicates, filters.LOGS)
    sound = 0 <= wanted.low <= wanted.high < 2**62 and 1 <= wanted.limit <= MAX_LIMIT and page.turn in "npl"
    if not sound or not set(wanted.events) <= EVENTS:
        raise NoSuchToken
    return page


def find(look: Look, accounts: Sequence[str], page: Page) -> Found:
    """Read a page of these accounts' events."""
    wanted = page.search
    backwards = page.turn != "n"
    rising = wanted.ascending != backwards
    _narrow(look, accounts, wanted)
    if look.is_narrow:
        hits = [Hit(*row) for row in _rows(look, accounts, page, wanted.limit, _HIT)]
    else:
        # First which ones, then their texts: these are most of the bytes.
        found = places(look, accounts, page, wanted.limit)
        params = Parameters()
        hits = [Hit(*row) for row in look.rows(_texts(look, accounts, found, params, _HIT), params)]
    hits.sort(key=lambda hit: (hit.at, hit.seq), reverse=rising == backwards)
    return Found(hits, _totals(look, accounts, wanted) if wanted.totals else None)


def _narrow(look: Look, accounts: Sequence[str], wanted: Search) -> None:
    for each in wanted.predicates:
        if (each.attribute, each.comparator) == ("recipient", "="):
            look.narrow(accounts, [value.lower() for value in each.values])
            return


def history(look: Look, account_id: str, page: Page) -> list[Hit]:
    """Events of an account behind a place or from an end of the range, in the order of reading."""
    _narrow(look, (account_id,), page.search)
    return [Hit(*row) for row in _rows(look, (account_id,), page, page.search.limit, _HIT)]


def places(look: Look, accounts: Sequence[str], page: Page, limit: int) -> list[Place]:
    """Time and number of up to `limit` events of a page, in the order of reading."""
    return [(at, seq) for at, seq in _rows(look, accounts, page, limit, ("ts", "seq"))]


def _rows(look: Look, accounts: Sequence[str], page: Page, limit: int, names: Columns) -> list[Any]:
    """Columns of up to `limit` events of a page, in the order of reading."""
    rising = page.search.ascending == (page.turn == "n")
    found: list[Any] = []
    for low, high in _windows(look, page, rising=rising):
        found += _read(look, accounts, page, low, high, names, rising=rising, limit=limit - len(found))
        if len(found) >= limit:
            break
    return found


def _windows(look: Look, page: Page, *, rising: bool) -> Sequence[tuple[int, int]]:
    """Pieces of the range in the order of reading, each twice as long: most pages are full after the first."""
    wanted = page.search
    low, high = wanted.low, wanted.high + 1
    if page.seq:
        low, high = (max(low, page.at), high) if rising else (low, min(high, page.at + 1))
    low = max(low, look.oldest)
    if look.is_narrow:
        return [(low, high)] if low < high else []
    pieces = []
    length = DAY
    while low < high:
        if rising:
            edge = min(high, (low // DAY) * DAY + length)
            pieces.append((low, edge))
            low = edge
        else:
            edge = max(low, -(-high // DAY) * DAY - length)
            pieces.append((edge, high))
            high = edge
        length *= 2
    return pieces


def _where(accounts: Sequence[str], wanted: Search, params: Parameters) -> list[str]:
    where = [f"account_id IN ({', '.join(map(params.add, accounts))})"]
    if wanted.events:
        where.append(f"({filters.event_condition(wanted.events, params)})")
    if wanted.domain_ids:
        where.append(f"domain_id IN ({', '.join(map(params.add, wanted.domain_ids))})")
    if wanted.marks:
        where.append(f"(marks & {int(wanted.marks)}) <> 0")
    return where + filters.conditions(wanted.predicates, params)


def _read(
    look: Look,
    accounts: Sequence[str],
    page: Page,
    low: int,
    high: int,
    names: Columns,
    *,
    rising: bool,
    limit: int,
) -> list[Any]:
    params = Parameters()
    where = _where(accounts, page.search, params)
    if page.seq:
        # The log's numbers and its times have one order (events: commit order).
        where.append(f"seq {'>' if rising else '<'} {params.add(page.seq)}")
    way = "ASC" if rising else "DESC"
    return look.rows(
        f"SELECT {', '.join(names)} FROM ({look.source(params, names, low, high, where)}) "  # noqa: S608
        f"ORDER BY ts {way}, seq {way} LIMIT {limit}",
        params,
    )


def _texts(
    look: Look, accounts: Sequence[str], found: list[Place], params: Parameters, names: Columns
) -> str:
    """SQL of columns of the events in some places."""
    found = found or [(0, -1)]
    times = [at for at, _ in found]
    where = [
        f"account_id IN ({', '.join(map(params.add, accounts))})",
        f"seq IN ({', '.join(str(int(seq)) for _, seq in found)})",
    ]
    return look.source(params, names, min(times), max(times) + 1, where)


def table(look: Look, accounts: Sequence[str], found: list[Place], names: Columns, *, rising: bool) -> Any:
    """Columns of the events in some places, as an Arrow table in their order."""
    params = Parameters()
    source = _texts(look, accounts, found, params, names)
    way = "ASC" if rising else "DESC"
    return look.arrow(f"SELECT * FROM ({source}) ORDER BY ts {way}, seq {way}", params)  # noqa: S608


def _totals(look: Look, accounts: Sequence[str], wanted: Search) -> dict[str, int]:
    params = Parameters()
    where = _where(accounts, wanted, params)
    source = look.source(params, ("event",), wanted.low, wanted.high + 1, where)
    return dict(look.rows(f"SELECT event, count(*) FROM ({source}) GROUP BY event", params))  # noqa: S608


def pages(page: Page, found: Found) -> LogsPages:
    """The tokens around a page; none around nothing at all."""
    wanted = page.search
    total = sum(found.totals.values()) if found.totals is not None else None
    first = token(Page(search=wanted))
    last = token(Page(search=wanted, turn="l"))
    if not found.hits:
        if not page.seq and page.turn == "n":
            return LogsPages(total=total)
        ends = (first, last) if page.turn == "p" else (token(page), last)
        return LogsPages(
            previous=ends[1] if page.turn == "n" else first, next=ends[0], first=first, last=last, total=total
        )
    begin, end = found.hits[0], found.hits[-1]
    return LogsPages(
        previous=token(Page(search=wanted, turn="p", at=begin.at, seq=begin.seq)),
        next=token(Page(search=wanted, at=end.at, seq=end.seq)),
        first=first,
        last=last,
        total=total,
    )


_FLAGS: Final = (
    "is-authenticated",
    "is-system-test",
    "is-routed",
    "is-amp",
    "is-test-mode",
    "is-delayed-bounce",
    "is-callback",
    "is-encrypted",
    "is-webhook",
)


def item(event: dict[str, Any], stamp: str, parent_id: str) -> dict[str, Any]:
    """An event as logs show it; `stamp` is its time, `parent_id` the account above a subaccount's ("": none)."""
    shown = {name: value for name, value in event.items() if name != "timestamp"}
    shown["@timestamp"] = stamp
    account = dict(event.get("account") or {})
    if parent_id:
        account["parent-id"] = parent_id
    shown["account"] = account
    variables = event.get("user-variables", {})
    shown["user-variables"] = (
        variables if isinstance(variables, str) else msgspec.json.encode(variables).decode()
    )
    storage = event.get("storage")
    if isinstance(storage, dict):
        url = storage.get("url")
        shown["storage"] = storage | {"url": [url] if isinstance(url, str) else list(url or ())}
    routes = event.get("routes")
    if isinstance(routes, list):
        shown["routes"] = _route(routes[0]) if routes else None
    flags = event.get("flags") or {}
    shown["flags"] = {name: bool(flags.get(name, False)) for name in _FLAGS} | flags
    if "delivered-at" in event:
        shown["delivered-at"] = str(event["delivered-at"])
    shown.setdefault("campaigns", [])
    shown.setdefault("tags", [])
    return shown


def _route(route: dict[str, Any]) -> dict[str, Any]:
    actions = route.get("actions")
    # One text in the logs, where events have a list.
    return route | ({"actions": ", ".join(map(str, actions))} if isinstance(actions, list) else {})
