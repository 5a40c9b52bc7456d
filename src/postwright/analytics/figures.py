"""Counts and rates of events, grouped and filtered: what metrics, statistics and alerts are made of."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from . import digests, filters
from .errors import BadQuery
from .filters import Predicate
from .ledger import Ledger, Look, Parameters
from .marks import COUNTS, RATES, bits, rate

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR

# The start of the hour, day or month (UTC) that an event lies in, in microseconds.
_TIMES: Final = {
    "hour": f"ts - ts % {HOUR}",
    "day": f"ts - ts % {DAY}",
    "month": "epoch_us(date_trunc('month', make_timestamp(ts)))",
}
# Dimension -> the column it reads.
_COLUMNS: Final = {
    "time": "ts",
    "domain": "domain",
    "domain_id": "domain_id",
    "subaccount": "account_id",
    "ip": "ip",
    "ip_pool": "ip_pool",
    "tag": "tags",
    "tags": "tags",
    "country": "country",
    "device": "device",
    "bot": "bot",
    "recipient_domain": "recipient_domain",
    "recipient_provider": "recipient_provider",
    "rule": "rule",
    "rule_group": "rule_group",
    "event": "event",
    "severity": "severity",
    "reason": "reason",
}
MAX_GROUPS: Final = 100_000  # that one question may bring into memory


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be counted. Times in microseconds, `high` not included.

    `dimensions` are `time` (in steps of `resolution`), the attributes that can be filtered by, and `rule`,
    `rule_group`, `event`, `severity`, `reason`, `domain_id`, `tags` (all of an event, as one text). An event with
    several tags counts for each of them, one without tags for none, when `tag` is a dimension.
    """

    accounts: tuple[str, ...]
    low: int
    high: int
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    resolution: str = "day"  # hour · day · month
    predicates: tuple[Predicate, ...] = ()
    domain_ids: tuple[str, ...] = ()  # only these, when there are any
    sort: str = ""  # dimension or metric, by default the dimensions in their order
    descending: bool = False
    skip: int = 0
    limit: int = MAX_GROUPS


class Group(msgspec.Struct, frozen=True):
    """Figures of one combination of values; of `time` the value is microseconds since the epoch."""

    values: tuple[Any, ...]
    metrics: dict[str, int | str]


class Figures(msgspec.Struct, frozen=True):
    """A page of groups, and how many there are."""

    groups: list[Group]
    total: int


def known(metric: str) -> bool:
    """Whether there is a metric of that name."""
    return metric in RATES or (metric.endswith("_count") and bits(metric) != 0)


async def counts(ledger: Ledger, question: Question) -> Figures:
    """The figures of a question, from the table and what the log holds behind it.

    Only groups with an event that matters to one of the metrics are there. Raises BadQuery, Busy, TooLong, Behind.
    """
    return await ledger.ask(_grouped, question)


async def totals(ledger: Ledger, question: Question) -> dict[str, int | str]:
    """The figures of a question without dimensions: each event counts once."""
    plain = msgspec.structs.replace(question, dimensions=(), sort="", skip=0, limit=1)
    found = await ledger.ask(_grouped, plain)
    return found.groups[0].metrics if found.groups else _metrics(question.metrics, {})


def _needed(metrics: Sequence[str]) -> list[str]:
    """The counts that metrics are made of."""
    parts = [part for metric in metrics for part in RATES.get(metric, (metric,))]
    return list(dict.fromkeys(parts))


def _metrics(metrics: Sequence[str], found: dict[str, int]) -> dict[str, int | str]:
    return {
        metric: (
            rate(*(found.get(part, 0) for part in RATES[metric])) if metric in RATES else found.get(metric, 0)
        )
        for metric in metrics
    }


def _grouped(look: Look, question: Question) -> Figures:
    for metric in (*question.metrics, *filter(known, (question.sort,))):
        if not known(metric):
            raise BadQuery(f"'{metric[:100]}' is not a valid metric")
    params = Parameters()
    needed = _needed((*question.metrics, *filter(known, (question.sort,))))
    mask = 0
    for name in needed:
        mask |= bits(name)
    if not needed:
        mask = (1 << len(COUNTS)) - 1
    keys = [_key(name, question.resolution) for name in question.dimensions]
    inner = _inner(look, question, params, mask, keys)
    sums = [
        f"coalesce(sum(n) FILTER (WHERE (marks & {bits(name)}) <> 0), 0)::BIGINT AS c{i}"
        for i, name in enumerate(needed)
    ]
    names = [f"d{i}" for i in range(len(keys))]
    shown = [f"min(s{i}) AS s{i}" for i in range(len(keys))]
    grouped = f"GROUP BY {', '.join(names)}" if names else "HAVING count(*) > 0"
    order = [f"d{i}" for i in range(len(keys))]
    if question.sort:
        order.insert(0, _order(question, needed))
    ordered = f"ORDER BY {', '.join(order)}" if order else ""
    sql = f"""
        WITH g AS ({inner}),
             m AS MATERIALIZED (SELECT {", ".join((*names, *shown, *sums, "true AS here"))} FROM g {grouped}),
             page AS (SELECT * FROM m {ordered} LIMIT {question.limit} OFFSET {question.skip})
        SELECT (SELECT count(*) FROM m) AS total, page.*
        FROM (SELECT 1 AS one) LEFT JOIN page ON true {ordered}
    """  # noqa: S608  values are parameters, names are ours
    rows = look.rows(sql, params)
    first = 1 + len(keys)  # behind the total, and the values in the form they are grouped by
    then = first + len(keys)
    groups = [
        Group(row[first:then], _metrics(question.metrics, dict(zip(needed, row[then:-1], strict=True))))
        for row in rows
        if row[-1]  # an empty page is one row of nothing, for the total
    ]
    return Figures(groups, rows[0][0])


def _inner(look: Look, question: Question, params: Parameters, mask: int, keys: list[tuple[str, str]]) -> str:
    """SQL of how many events of each kind every group has."""
    where = [
        f"account_id IN ({', '.join(map(params.add, question.accounts))})",
        f"(marks & {mask}) <> 0",
        *filters.conditions(question.predicates, params),
    ]
    if question.domain_ids:
        where.append(f"domain_id IN ({', '.join(map(params.add, question.domain_ids))})")
    read = list(dict.fromkeys(("marks", *(_COLUMNS[name] for name in question.dimensions))))
    counted = _sums(question, read)
    source = look.source(params, read, question.low, question.high, where, counted=counted)
    if "tag" in question.dimensions:
        source = f"SELECT *, unnest(tags) AS tag FROM ({source})"  # noqa: S608
    columns = [f"{key} AS d{i}, {shown} AS s{i}" for i, (key, shown) in enumerate(keys)]
    grouping = [f"d{i}" for i in range(len(keys))]
    number = "sum(n)::BIGINT" if counted else "count(*)"
    return f"""
        SELECT {", ".join((*columns, "marks", f"{number} AS n"))}
        FROM ({source}) GROUP BY {", ".join((*grouping, "marks"))}
    """  # noqa: S608


def _sums(question: Question, read: Sequence[str]) -> str:
    """The kind of sums that a question can be answered with, "" when it takes the events themselves."""
    used = {filters.column(each.attribute) for each in question.predicates} | set(read)
    hourly = "time" in question.dimensions and question.resolution == "hour"
    return digests.fitting(used, HOUR if hourly else DAY)


def _key(name: str, resolution: str) -> tuple[str, str]:
    """What a dimension groups by, and which of the values in a group is shown."""
    if name == "time":
        return _TIMES[resolution], f"min({_TIMES[resolution]})"
    if name == "tags":
        joined = "array_to_string(tags, ', ')"
        return joined, f"min({joined})"
    if name == "tag":
        return "lower(tag)", "min(tag)"
    return _COLUMNS[name], f"min({_COLUMNS[name]})"


def _order(question: Question, needed: list[str]) -> str:
    way = "DESC" if question.descending else "ASC"
    if question.sort in question.dimensions:
        return f"d{question.dimensions.index(question.sort)} {way}"
    if question.sort in RATES:
        part, whole = (f"c{needed.index(name)}" for name in RATES[question.sort])
        return f"coalesce({part} / nullif({whole}, 0), 0) {way}"
    return f"c{needed.index(question.sort)} {way}"
