"""Requests and answers of analytics (behaviour.md 7)."""

from typing import Any, Literal

import msgspec

from postwright.kernel.http import Moment


class Value(msgspec.Struct):
    """A value of a predicate; `label` is what people are shown, and the value where that is missing."""

    label: str = ""
    value: str = ""


class PredicateIn(msgspec.Struct):
    """A condition on an attribute: one of the values fits."""

    attribute: str = ""
    comparator: str = ""
    values: list[Value] = []


class FilterIn(msgspec.Struct):
    """Conditions that must all hold."""

    AND: list[PredicateIn] = []


class PaginationIn(msgspec.Struct):
    """Which part of the groups to list, in which order: `<dimension or metric>:asc` or `:desc`."""

    sort: str = ""
    skip: int = 0
    limit: int = 0
    total: int | None = None
    include_total: bool | None = None


class MetricsQuery(msgspec.Struct, kw_only=True):
    """What to count, by what, and when."""

    start: Moment | None = None
    end: Moment | None = None
    resolution: str = ""
    duration: str = ""
    dimensions: list[str] = []
    metrics: list[str] = []
    filter: FilterIn | None = None
    include_subaccounts: bool = False
    include_aggregates: bool = False
    pagination: PaginationIn | None = None


class DimensionOut(msgspec.Struct):
    """One of the values that a group shares."""

    dimension: str
    value: str
    display_value: str


class Item(msgspec.Struct):
    """The figures of a group: whole numbers, and rates as text with four decimals."""

    dimensions: list[DimensionOut]
    metrics: dict[str, int | str]


class PaginationOut(msgspec.Struct):
    """The part that is listed, and how many groups there are."""

    sort: str
    skip: int
    limit: int
    total: int


class Aggregates(msgspec.Struct):
    """The figures of everything together."""

    metrics: dict[str, int | str]


class MetricsAnswer(msgspec.Struct):
    """Figures by group; only groups in which something happened."""

    start: str
    end: str
    resolution: str
    duration: str
    dimensions: list[str]
    pagination: PaginationOut
    items: list[Item]
    aggregates: Aggregates


class ExportQuery(MetricsQuery, kw_only=True):
    """What to put into a file: figures as in a metrics query, or events as in a logs query (`of=logs`)."""

    of: Literal["metrics", "usage", "logs"] = "metrics"
    format: Literal["csv", "parquet"] = "csv"
    events: list[str] = []
    metric_events: list[str] = []
    token: str = ""


class SqlQuery(msgspec.Struct, kw_only=True):
    """A SELECT over the view `events`."""

    query: str
    format: Literal["json", "csv", "parquet"] = "json"
    limit: int = 0
    include_subaccounts: bool = False


class SqlAnswer(msgspec.Struct):
    """Rows of a query; `is_cut`: there are more than the limit."""

    columns: list[str]
    rows: list[list[Any]]
    is_cut: bool


class SetRetention(msgspec.Struct, kw_only=True):
    """For how many days events are kept; 0: as long as possible."""

    days: int


class PersonToErase(msgspec.Struct, kw_only=True):
    """Who is to be forgotten."""

    address: str


class LogsPaginationIn(msgspec.Struct):
    """Which page: its token, or its order (`timestamp:asc` or `timestamp:desc`) and size."""

    sort: str = ""
    token: str = ""
    limit: int = 0


class LogsQuery(msgspec.Struct, kw_only=True):
    """Which events to list."""

    start: Moment | None = None
    end: Moment | None = None
    duration: str = ""
    events: list[str] = []
    metric_events: list[str] = []
    filter: FilterIn | None = None
    include_subaccounts: bool = False
    include_totals: bool = False
    pagination: LogsPaginationIn | None = None


class LogsPages(msgspec.Struct, omit_defaults=True):
    """Tokens of the pages around this one, and how many events there are when that was asked for."""

    previous: str = ""
    next: str = ""
    first: str = ""
    last: str = ""
    total: int | None = None


class LogsAggregates(msgspec.Struct, omit_defaults=True):
    """How many events there are, all and by name."""

    all: int | None = None
    metrics: dict[str, int] = {}


class LogsAnswer(msgspec.Struct):
    """A page of events."""

    start: str
    end: str
    items: list[dict[str, Any]]
    pagination: LogsPages
    aggregates: LogsAggregates
