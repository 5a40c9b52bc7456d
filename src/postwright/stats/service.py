"""Statistics: which question a request asks, and what the answer looks like."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from postwright.analytics import Ledger, Predicate, Question, Span, counts, span, step
from postwright.kernel.http import dates

from .errors import BadStats
from .schemas import Counts, FilterRange, OneMoment, Range, Stat, Stats, StatType, stat

# What each event is counted as.
METRICS: Final[dict[str, tuple[str, ...]]] = {
    "accepted": ("accepted_incoming_count", "accepted_outgoing_count", "accepted_count"),
    "delivered": (
        "delivered_smtp_count",
        "delivered_http_count",
        "delivered_optimized_count",
        "delivered_count",
    ),
    "failed": (
        "temporary_failed_esp_block_count",
        "temporary_failed_count",
        "suppressed_bounces_count",
        "suppressed_unsubscribed_count",
        "suppressed_complaints_count",
        "bounced_count",
        "delayed_bounce_count",
        "webhook_count",
        "permanent_failed_optimized_count",
        "permanent_failed_count",
    ),
    "opened": ("opened_count", "unique_opened_count"),
    "clicked": ("clicked_count", "unique_clicked_count"),
    "unsubscribed": ("unsubscribed_count",),
    "complained": ("complained_count",),
    "stored": ("stored_count",),
}
AGGREGATED: Final = {
    "accepted": "accepted_count",
    "delivered": "delivered_count",
    "opened": "opened_count",
    "clicked": "clicked_count",
    "unique_opened": "unique_opened_count",
    "unique_clicked": "unique_clicked_count",
    "unsubscribed": "unsubscribed_count",
    "complained": "complained_count",
}
# Name in a request -> attribute of events. A provider is the recipient's domain here (behaviour.md 8).
ATTRIBUTES: Final = {
    "domain": "domain",
    "subaccount": "subaccount",
    "ip": "ip",
    "ip_pool": "ip_pool",
    "provider": "recipient_domain",
    "tag": "tag",
    "country": "country",
    "device": "device",
}
_TIMES: Final = ("time", "hour", "day", "month")
MAX_BUCKETS: Final = 10_000
MAX_VALUES: Final = 1_000  # lines of an answer by anything but time
MAX_FILTERS: Final = 10


class Scope(msgspec.Struct, frozen=True):
    """Whose events are counted: of accounts, or of one domain."""

    accounts: tuple[str, ...]
    domain_ids: tuple[str, ...] = ()


def events(given: Sequence[str]) -> list[str]:
    """The events that are asked for. Raises BadStats."""
    found = list(dict.fromkeys(name.strip().lower() for name in given))
    if not found:
        raise BadStats("event parameter is missing")
    for name in found:
        if name not in METRICS:
            raise BadStats(f"'{name[:100]}' is not a valid event: one of {', '.join(METRICS)} expected")
    return found


def period(fields: Range, now: int) -> Span:
    """From when to when. Raises BadStats, BadQuery."""
    found = span(now, fields.start, fields.end, fields.resolution, fields.duration)
    if len(_times(found)) > MAX_BUCKETS:
        raise BadStats(f"resolution is too fine: at most {MAX_BUCKETS} intervals expected")
    return found


def _times(found: Span) -> list[int]:
    times: list[int] = []
    at = found.start
    while at <= found.end and len(times) <= MAX_BUCKETS:
        times.append(at)
        at = step(at, found.resolution)
    return times


def equal(**values: str) -> tuple[Predicate, ...]:
    """Conditions: only what has these values, as far as they are given."""
    return tuple(Predicate(ATTRIBUTES[name], "=", (value,)) for name, value in values.items() if value)


async def by_time(
    ledger: Ledger, scope: Scope, fields: Range, now: int, predicates: tuple[Predicate, ...] = ()
) -> Stats:
    """Every bucket of the range. Raises BadStats, and what counting raises."""
    names, found = events(fields.event), period(fields, now)
    question = _question(scope, names, found, predicates)
    figures = await counts(ledger, msgspec.structs.replace(question, dimensions=("time",)))
    filled = {group.values[0]: group.metrics for group in figures.groups}
    stats = [stat(dates.utc(at), names, filled.get(at, {})) for at in _times(found)]
    return _answer(found, stats)


def _question(scope: Scope, names: Sequence[str], found: Span, predicates: tuple[Predicate, ...]) -> Question:
    return Question(
        accounts=scope.accounts,
        domain_ids=scope.domain_ids,
        low=found.start,
        high=found.high,
        metrics=tuple(dict.fromkeys(metric for name in names for metric in METRICS[name])),
        resolution=found.resolution,
        predicates=predicates,
    )


def _answer(found: Span, stats: list[Stat]) -> Stats:
    return Stats(
        start=dates.utc(found.start), end=dates.utc(found.end), resolution=found.resolution, stats=stats
    )


async def filtered(ledger: Ledger, scope: Scope, fields: FilterRange, now: int) -> Stats:
    """What fits the filters, by time or by something else. Raises BadStats, and what counting raises."""
    predicates = _filters(fields.filter)
    group = fields.group.strip().lower() or "time"
    if group in _TIMES:
        if group != "time":
            fields.resolution = group
        return await by_time(ledger, scope, fields, now, predicates)
    if group != "total" and group not in ATTRIBUTES:
        known = ", ".join(("total", *_TIMES, *ATTRIBUTES))
        raise BadStats(f"'{group[:100]}' is not a valid group: one of {known} expected")
    names, found = events(fields.event), period(fields, now)
    question = _question(scope, names, found, predicates)
    if group != "total":
        question = msgspec.structs.replace(question, dimensions=(ATTRIBUTES[group],), limit=MAX_VALUES)
    figures = await counts(ledger, question)
    time = dates.utc(found.start)
    if group == "total":
        together = figures.groups[0].metrics if figures.groups else {}
        answer = _answer(found, [stat(time, names, together)])
    else:
        stats = [stat(time, names, each.metrics) for each in figures.groups]
        for made, each in zip(stats, figures.groups, strict=True):
            setattr(made, group, str(each.values[0]))
        answer = _answer(found, stats)
    answer.type = StatType("group", group)
    return answer


def _filters(given: Sequence[str]) -> tuple[Predicate, ...]:
    if len(given) > MAX_FILTERS:
        raise BadStats(f"filter parameter is not valid: at most {MAX_FILTERS} expected")
    found = []
    for text in given:
        name, _, value = text.partition(":")
        attribute = ATTRIBUTES.get(name.strip().lower())
        if attribute is None or not value.strip() or len(value) > 1000:
            known = ", ".join(ATTRIBUTES)
            raise BadStats(f"filter parameter is not valid: NAME:VALUE with one of {known} expected")
        found.append(Predicate(attribute, "=", (value.strip(),)))
    return tuple(found)


async def by_domain(ledger: Ledger, scope: Scope, fields: OneMoment, now: int) -> Stats:
    """One hour, day or month of each domain. Raises BadStats, and what counting raises."""
    if fields.timestamp is None:
        raise BadStats("timestamp parameter is missing")
    names = events(fields.event)
    found = span(now, fields.timestamp, fields.timestamp, fields.resolution, "")
    question = msgspec.structs.replace(
        _question(scope, names, found, ()), dimensions=("domain",), skip=fields.skip, limit=fields.limit
    )
    figures = await counts(ledger, question)
    stats = [stat(dates.utc(found.start), names, each.metrics) for each in figures.groups]
    for made, each in zip(stats, figures.groups, strict=True):
        made.domain = str(each.values[0])
    return _answer(found, stats)


async def aggregate(
    ledger: Ledger, scope: Scope, low: int, high: int, name: str, predicates: tuple[Predicate, ...] = ()
) -> dict[str, Counts]:
    """Figures by provider, device or country, those of the most events first."""
    question = Question(
        accounts=scope.accounts,
        domain_ids=scope.domain_ids,
        low=low,
        high=high,
        metrics=tuple(AGGREGATED.values()),
        dimensions=(ATTRIBUTES[name],),
        predicates=predicates,
        sort="accepted_count" if name == "provider" else "opened_count",
        descending=True,
        limit=MAX_VALUES,
    )
    figures = await counts(ledger, question)
    found = {
        _key(name, str(group.values[0])): _counted(group.metrics)
        for group in figures.groups
        if group.values[0]
    }
    if name == "device":
        # All that there are, as the list of devices tells.
        nothing = _counted({})
        found = {device: found.get(device, nothing) for device in DEVICES} | found
    return found


DEVICES: Final = ("desktop", "mobile", "tablet", "unknown")


def _key(name: str, value: str) -> str:
    return value.lower() if name == "country" else value


def _counted(metrics: dict[str, Any]) -> Counts:
    return {name: int(metrics.get(metric, 0)) for name, metric in AGGREGATED.items()}
