"""Counting failures by what their rules say."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from postwright.analytics import Ledger, Predicate, Question, counts
from postwright.failures import Rule
from postwright.kernel.clock import SECOND
from postwright.kernel.http import dates

from . import entities, store
from .entities import Entity
from .errors import BadClassification
from .schemas import Counts, Item, MetricsQuery

HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
# Dimension of a request -> dimension of events; of the others the rule tells.
PLAIN: Final = {
    "domain.name": "domain",
    "envelope.sending-ip": "ip",
    "account.name": "subaccount",
    "envelope.i-ip-pool-name": "ip_pool",
    "tags": "tags",
    "tag": "tag",
    "recipient-domain": "recipient_domain",
    "timestamp": "time",
}
TOLD: Final = ("entity-name", "group-id", "criticality", "severity", "category")
COUNTS: Final = (
    "critical_bounce_count",
    "non_critical_bounce_count",
    "critical_delay_count",
    "non_critical_delay_count",
)
ALL: Final = (
    *COUNTS,
    "classified_failures_count",
    "delivered_smtp_count",
    *(name.replace("_count", "_rate") for name in COUNTS),
)
COMPARATORS: Final = ("=", "!=", "contains", "not contains")
MAX_DIMENSIONS: Final = 10
MAX_PREDICATES: Final = 20
MAX_VALUES: Final = 1_000
# 24h0m0s, as Go writes it; days are ours.
_DURATION = re.compile(
    r"(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})(?:\.\d{1,9})?s)?", re.ASCII
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was understood. `names` are those of the accounts by their ids; times in microseconds."""

    names: dict[str, str]
    low: int
    high: int
    dimensions: tuple[str, ...]
    resolution: str = "day"
    plain: tuple[Predicate, ...] = ()
    told: tuple[Predicate, ...] = ()
    domain_ids: tuple[str, ...] = ()


class Failure(msgspec.Struct):
    """Failures that are alike: the values of the plain dimensions, the rule, the provider, the reason."""

    values: tuple[Any, ...]
    rule_id: str
    rule: Rule | None
    provider: str
    reason: str
    bounces: int
    delays: int

    @property
    def entity(self) -> Entity:
        """Who said no."""
        return entities.of(self.rule, self.provider)


def understood(query: MetricsQuery, now: int, names: dict[str, str], retention: int) -> Wanted:
    """What a request asks for; `retention` in microseconds. Raises BadClassification."""
    dimensions = tuple(dict.fromkeys(query.dimensions))
    for name in dimensions:
        if name not in PLAIN and name not in TOLD:
            raise BadClassification(f"'{name[:100]}' is not a valid dimension")
    if "tag" in dimensions and "tags" in dimensions:
        raise BadClassification("'tag' and 'tags' dimensions are not compatible")
    for name in query.metrics:
        if name not in ALL:
            raise BadClassification(f"'{name[:100]}' is not a valid metric")
    resolution = query.resolution.strip().lower() or "day"
    if resolution not in ("day", "hour"):
        raise BadClassification("resolution should be either day or hour")
    low, high = _range(query, now, retention)
    plain, told = _predicates(query, names)
    return Wanted(
        names=names,
        low=low,
        high=high,
        dimensions=dimensions,
        resolution=resolution,
        plain=plain,
        told=told,
    )


def _range(query: MetricsQuery, now: int, retention: int) -> tuple[int, int]:
    high = now + SECOND if query.end is None else query.end
    if query.duration.strip():
        low = high - _duration(query.duration)
    else:
        low = now - 7 * DAY if query.start is None else query.start
    if low > high:
        raise BadClassification("start should not be after end")
    # To the day: who asks for as long as we keep must not fail for the seconds that asking takes.
    if low < now - retention - DAY:
        at = dates.offset(low) if low > -62_135_596_800 * SECOND else "start"
        raise BadClassification(f"{at} is out of permitted log retention")
    return max(low, 0), min(high, now + DAY)


def _duration(text: str) -> int:
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise BadClassification("duration is invalid: such as 24h0m0s expected")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return days * DAY + hours * HOUR + (minutes * 60 + seconds) * SECOND


def _predicates(
    query: MetricsQuery, names: dict[str, str]
) -> tuple[tuple[Predicate, ...], tuple[Predicate, ...]]:
    given = query.filter.AND if query.filter else []
    if len(given) > MAX_PREDICATES:
        raise BadClassification(f"filter is too large: at most {MAX_PREDICATES} predicates expected")
    plain, told = [], []
    for each in given:
        values = tuple(value.value or value.label for value in each.values)
        comparator = " ".join(each.comparator.lower().split())
        if each.attribute == "timestamp" or each.attribute not in (*PLAIN, *TOLD):
            raise BadClassification(f"'{each.attribute[:100]}' is not a valid filter attribute")
        if comparator not in COMPARATORS:
            raise BadClassification(f"'{comparator[:100]}' is not a valid comparator")
        if not 0 < len(values) <= MAX_VALUES or any(len(value) > 1000 for value in values):
            raise BadClassification(f"values of '{each.attribute}' are missing or too large")
        found = Predicate(each.attribute, comparator, values)
        if each.attribute in TOLD:
            told.append(found)
        elif each.attribute == "account.name":
            chosen = tuple(key for key, name in names.items() if _fits(found, name))
            plain.append(Predicate("subaccount", "=", chosen or ("",)))
        else:
            attribute = {"tags": "tag"}.get(each.attribute) or PLAIN[each.attribute]
            plain.append(Predicate(attribute, comparator, values))
    return tuple(plain), tuple(told)


def _fits(predicate: Predicate, value: str) -> bool:
    lowered, wanted = value.lower(), [each.lower() for each in predicate.values]
    if predicate.comparator in ("=", "!="):
        return (lowered in wanted) is (predicate.comparator == "=")
    return any(each in lowered for each in wanted) is (predicate.comparator == "contains")


async def failures(ledger: Ledger, wanted: Wanted, rules: Mapping[str, Rule]) -> list[Failure]:
    """All failures that a rule judged, as finely as is needed."""
    plain = _plain(wanted)
    found = await counts(
        ledger,
        msgspec.structs.replace(
            _question(wanted, ("permanent_failed_count", "temporary_failed_count")),
            dimensions=("rule", "recipient_provider", "reason", *plain),
        ),
    )
    return [
        Failure(
            values=tuple(values),
            rule_id=rule,
            rule=rules.get(rule),
            provider=who,
            reason=reason,
            bounces=int(group.metrics["permanent_failed_count"]),
            delays=int(group.metrics["temporary_failed_count"]),
        )
        for group in found.groups
        for rule, who, reason, *values in (group.values,)
        if rule
    ]


def _plain(wanted: Wanted) -> tuple[str, ...]:
    return tuple(PLAIN[name] for name in wanted.dimensions if name in PLAIN)


def _question(wanted: Wanted, metrics: tuple[str, ...]) -> Question:
    return Question(
        accounts=tuple(wanted.names),
        domain_ids=wanted.domain_ids,
        low=wanted.low,
        high=wanted.high,
        metrics=metrics,
        resolution=wanted.resolution,
        predicates=wanted.plain,
    )


async def items(
    ledger: Ledger, wanted: Wanted, rules: Mapping[str, Rule], metrics: Sequence[str]
) -> list[Item]:
    """One item for each combination of the dimensions that has a failure."""
    sums: dict[tuple[Any, ...], dict[str, int]] = {}
    filters: dict[tuple[Any, ...], bool] = {}
    about: dict[tuple[Any, ...], Failure] = {}
    for failure in await failures(ledger, wanted, rules):
        for severity, number in (("PERMANENT", failure.bounces), ("TEMPORARY", failure.delays)):
            told = _told(failure, severity)
            if not number or not all(_fits(each, told[each.attribute]) for each in wanted.told):
                continue
            rest = iter(failure.values)
            key = tuple(told[name] if name in told else next(rest) for name in wanted.dimensions)
            critical = "critical" if told["criticality"] == "CRITICAL" else "non_critical"
            name = f"{critical}_{'bounce' if severity == 'PERMANENT' else 'delay'}_count"
            found = sums.setdefault(key, dict.fromkeys(COUNTS, 0))
            found[name] += number
            filters[key] = filters.get(key, True) and failure.entity.is_filter
            about.setdefault(key, failure)
    delivered = await _delivered(ledger, wanted)
    samples: dict[str, str] = {}
    if "group-id" in wanted.dimensions and about:
        ids = sorted({failure.rule_id for failure in about.values()})[:MAX_VALUES]
        samples = await ledger.ask(store.samples, tuple(wanted.names), wanted.low, wanted.high, ids)
    by_entity = "entity-name" in wanted.dimensions
    made = []
    for key, found in sums.items():
        shown = dict(zip(wanted.dimensions, key, strict=True))
        place = tuple(value for name, value in shown.items() if name in PLAIN)
        who = str(shown["entity-name"]).lower() if by_entity else ""
        total = None if by_entity and filters[key] else delivered.get((who, place), 0)
        made.append(_item(wanted, shown, about[key], samples, _counts(found, total, metrics)))
    return made


def _told(failure: Failure, severity: str) -> dict[str, str]:
    return {
        "entity-name": failure.entity.name,
        "group-id": failure.rule.group if failure.rule else failure.rule_id,
        "criticality": "CRITICAL" if entities.is_critical(failure.rule) else "NON-CRITICAL",
        "severity": severity,
        "category": failure.reason.upper(),
    }


async def _delivered(ledger: Ledger, wanted: Wanted) -> dict[tuple[str, tuple[Any, ...]], int]:
    """What was delivered, by provider (when entities are a dimension) and by the plain dimensions."""
    by_entity = "entity-name" in wanted.dimensions
    dimensions = (*(("recipient_provider",) if by_entity else ()), *_plain(wanted))
    question = _question(wanted, ("delivered_smtp_count",))
    found = await counts(ledger, msgspec.structs.replace(question, dimensions=dimensions))
    delivered: dict[tuple[str, tuple[Any, ...]], int] = {}
    for group in found.groups:
        who, place = ("", group.values)
        if by_entity:
            who, place = entities.provider(str(group.values[0])).name.lower(), group.values[1:]
        key = (who, tuple(place))
        delivered[key] = delivered.get(key, 0) + int(group.metrics["delivered_smtp_count"])
    return delivered


def _counts(found: Mapping[str, int], delivered: int | None, metrics: Sequence[str]) -> Counts:
    failed = sum(found.values())
    figures: dict[str, Any] = {
        **found,
        "classified_failures_count": failed,
        "delivered_smtp_count": delivered,
    }
    for name in COUNTS:
        rate = None if delivered is None else round(100 * found[name] / (failed + delivered))
        figures[name.replace("_count", "_rate")] = rate
    return Counts(**{name: value for name, value in figures.items() if name in metrics or not metrics})


def _item(
    wanted: Wanted, shown: Mapping[str, Any], failure: Failure, samples: Mapping[str, str], figures: Counts
) -> Item:
    made = Item(metrics=figures)
    for name, value in shown.items():
        match name:
            case "account.name":
                made.account_id, made.account_name = str(value), wanted.names.get(value, "")
            case "envelope.i-ip-pool-name":
                made.pool_id = made.pool_name = str(value)
            case "timestamp":
                made.timestamp = dates.offset(value)
            case "entity-name":
                made.entity_name = str(value)
                made.recipient_provider = failure.provider
            case "group-id":
                made.group_id = str(value)
                made.sample_text = samples.get(failure.rule_id, "")
                made.explanation = failure.rule.explanation if failure.rule else ""
            case _:
                setattr(made, _FIELDS[name], str(value))
    return made


_FIELDS: Final = {
    "domain.name": "domain_name",
    "envelope.sending-ip": "sending_ip",
    "tags": "tags",
    "tag": "tag",
    "recipient-domain": "recipient_domain",
    "criticality": "criticality",
    "severity": "severity",
    "category": "category",
}


def ordered(found: list[Item], sort: str, dimensions: Sequence[str]) -> list[Item]:
    """Items in the order of a wish such as `entity-name:asc`, by default the most failures first.

    Raises BadClassification.
    """
    name, _, way = sort.strip().partition(":")
    name, way = name or "classified_failures_count", way.lower() or ("desc" if not sort.strip() else "asc")
    if (name not in ALL and name not in dimensions) or way not in ("asc", "desc"):
        raise BadClassification("sort should be either one of metrics or dimensions")
    rows = [(msgspec.to_builtins(item), item) for item in found]

    def key(row: tuple[dict[str, Any], Item]) -> Any:
        if name in ALL:
            return (_full(row[1]).get(name) or 0, "")
        value = row[0].get(name) or ""
        return (dates.parse(value), "") if name == "timestamp" else (0, str(value).lower())

    # Equals in the order of their names, whichever way is asked for: pages must not overlap.
    rows.sort(key=lambda row: sorted((k, str(v)) for k, v in row[0].items() if k != "metrics"))
    rows.sort(key=key, reverse=way == "desc")
    return [item for _, item in rows]


def _full(item: Item) -> dict[str, Any]:
    return msgspec.structs.asdict(item.metrics)
