"""The metrics and usage operations: from a request to a question about figures, and back."""

from collections.abc import Mapping
from typing import Final

import msgspec

from postwright.kernel.http import dates

from . import figures, filters
from .errors import BadQuery
from .figures import Figures, Question
from .filters import Predicate
from .marks import bits
from .ranges import Span, span
from .schemas import (
    Aggregates,
    DimensionOut,
    FilterIn,
    Item,
    MetricsAnswer,
    MetricsQuery,
    PaginationIn,
    PaginationOut,
)

MAX_DIMENSIONS: Final = 3
MAX_METRICS: Final = 10
DEFAULT_LIMIT: Final = 10
TIME_LIMIT: Final = 1_500  # when `time` is a dimension and no limit was given
MAX_LIMIT: Final = 1_000

DIMENSIONS: Final = ("time", *filters.METRICS)
USAGE_DIMENSIONS: Final = ("time", "subaccount")

_VALIDATION: Final = ("public", "valid", "single", "bulk", "list", "mailgun", "mailjet")
# Services that this platform does not have: nobody has used them yet.
UNUSED: Final = frozenset(
    (
        "email_validation_count",
        *(f"email_validation_{kind}_count" for kind in _VALIDATION),
        "email_preview_count",
        "email_preview_failed_count",
        "link_validation_count",
        "link_validation_failed_count",
        "image_validation_count",
        "image_validation_failed_count",
        "accessibility_count",
        "accessibility_failed_count",
        "seed_test_count",
        "ip_blocklist_monitoring_count",
        "domain_blocklist_monitoring_count",
    )
)
USAGE: Final = UNUSED | {"processed_count", "archived_count"}


class Wanted(msgspec.Struct, frozen=True):
    """A request that was understood."""

    question: Question
    span: Span
    metrics: tuple[str, ...]
    sort: str
    skip: int
    limit: int


def understand(
    query: MetricsQuery, now: int, accounts: tuple[str, ...], *, usage: bool = False, limit: int = 0
) -> Wanted:
    """The question of a request about these accounts; `limit`, if any, instead of its own. Raises BadQuery."""
    period = span(now, query.start, query.end, query.resolution, query.duration)
    dimensions = _dimensions(query.dimensions, USAGE_DIMENSIONS if usage else DIMENSIONS)
    metrics = _metrics(query.metrics, usage=usage)
    given = predicates(query.filter)
    filters.check(given, filters.USAGE if usage else filters.METRICS)
    paging = query.pagination or PaginationIn()
    if paging.skip < 0:
        raise BadQuery("'skip' attribute is invalid")
    if not 0 <= paging.limit <= max(MAX_LIMIT, TIME_LIMIT):
        raise BadQuery(f"'limit' attribute is invalid: at most {MAX_LIMIT} expected")
    sort, descending = _sort(paging.sort, dimensions, usage=usage)
    limit = limit or paging.limit or (TIME_LIMIT if "time" in dimensions else DEFAULT_LIMIT)
    question = Question(
        accounts=accounts,
        low=period.start,
        high=period.high,
        metrics=tuple(metric for metric in metrics if metric not in UNUSED),
        dimensions=dimensions,
        resolution=period.resolution,
        predicates=given,
        sort=sort,
        descending=descending,
        skip=paging.skip,
        limit=limit,
    )
    return Wanted(question, period, metrics, paging.sort, paging.skip, limit)


def predicates(given: FilterIn | None) -> tuple[Predicate, ...]:
    """The conditions of a request; a value without text is its label."""
    if given is None:
        return ()
    return tuple(
        Predicate(
            each.attribute.strip(),
            " ".join(each.comparator.lower().split()),
            tuple(value.value or value.label for value in each.values),
        )
        for each in given.AND
    )


def _dimensions(names: list[str], known: tuple[str, ...]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            raise BadQuery(f"'{name[:100]}' is not a valid dimension")
    if len(wanted) > MAX_DIMENSIONS:
        raise BadQuery(f"'dimensions' attribute is invalid: at most {MAX_DIMENSIONS} expected")
    return wanted


def _metrics(names: list[str], *, usage: bool) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in USAGE if usage else not figures.known(name):
            raise BadQuery(f"'{name[:100]}' is not a valid metric")
    if len(wanted) > MAX_METRICS and not usage:
        raise BadQuery(f"'metrics' attribute is invalid: at most {MAX_METRICS} expected")
    return wanted


def _sort(text: str, dimensions: tuple[str, ...], *, usage: bool) -> tuple[str, bool]:
    if not text.strip():
        return "", False
    name, _, way = text.strip().lower().partition(":")
    if way not in ("", "asc", "desc"):
        raise BadQuery("'sort' attribute is invalid")
    if name == "timestamp":
        name = "time"
    if usage and name in UNUSED:
        return "", way == "desc"  # all are nothing: any order is right
    if name == "time" and name not in dimensions:
        return "", False  # one period has one order
    if name not in dimensions and not figures.known(name):
        raise BadQuery("'sort' attribute is invalid")
    return name, way == "desc"


def answer(
    wanted: Wanted,
    found: Figures,
    together: dict[str, int | str] | None,
    shown: Mapping[str, Mapping[str, str]],
) -> MetricsAnswer:
    """The answer; `shown` has by dimension what people call its values."""
    question, period = wanted.question, wanted.span
    items = []
    for group in found.groups:
        values = []
        for name, value in zip(question.dimensions, group.values, strict=True):
            text = dates.offset(value) if name == "time" else str(value)
            values.append(DimensionOut(name, text, shown.get(name, {}).get(text, text)))
        items.append(Item(values, _complete(wanted, group.metrics)))
    return MetricsAnswer(
        start=dates.offset(period.start),
        end=dates.offset(period.end),
        resolution=period.resolution,
        duration=period.duration,
        dimensions=list(question.dimensions),
        pagination=PaginationOut(wanted.sort, wanted.skip, wanted.limit, found.total),
        items=items,
        aggregates=Aggregates({} if together is None else _complete(wanted, together)),
    )


def _complete(wanted: Wanted, metrics: dict[str, int | str]) -> dict[str, int | str]:
    return {name: metrics.get(name, 0) for name in wanted.metrics}


def event_bits(names: list[str]) -> int:
    """The bits of `metric_events`: names of counts, without `_count`. Raises BadQuery."""
    mask = 0
    for name in names:
        found = bits("webhook" if name == "webhook_failure" else name)
        if not found:
            raise BadQuery(f"'{name[:100]}' is not a valid metric event")
        mask |= found
    return mask
