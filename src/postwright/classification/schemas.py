"""Requests and replies of the operations on classified failures."""

from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType, field

from postwright.kernel.http import Moment
from postwright.kernel.http.paging import Offset


class Value(msgspec.Struct, kw_only=True):
    """A value; one without text is its label."""

    label: str = ""
    value: str = ""


class PredicateIn(msgspec.Struct, kw_only=True):
    """A condition: one of the values fits."""

    attribute: str = ""
    comparator: str = "="
    values: list[Value] = []


class FilterIn(msgspec.Struct, kw_only=True):
    """Conditions that must all hold."""

    AND: list[PredicateIn] = []


class PageIn(msgspec.Struct, kw_only=True):
    """Which part of the items, and in which order."""

    sort: str = ""
    skip: int = 0
    limit: int = 0


class MetricsQuery(msgspec.Struct, kw_only=True):
    """What is counted: failures by these dimensions; `duration` (`24h0m0s`) reaches back from `end`."""

    start: Moment | None = None
    end: Moment | None = None
    resolution: str = ""
    duration: str = ""
    dimensions: list[str] = []
    metrics: list[str] = []
    filter: FilterIn | None = None
    include_subaccounts: bool = False
    pagination: PageIn | None = None


class Counts(msgspec.Struct, kw_only=True):
    """Figures; rates are whole percents. Nothing is delivered to filters and blocklists: null."""

    critical_bounce_count: int | UnsetType = UNSET
    non_critical_bounce_count: int | UnsetType = UNSET
    critical_delay_count: int | UnsetType = UNSET
    non_critical_delay_count: int | UnsetType = UNSET
    classified_failures_count: int | UnsetType = UNSET
    delivered_smtp_count: int | UnsetType | None = UNSET
    critical_bounce_rate: int | UnsetType | None = UNSET
    non_critical_bounce_rate: int | UnsetType | None = UNSET
    critical_delay_rate: int | UnsetType | None = UNSET
    non_critical_delay_rate: int | UnsetType | None = UNSET


class Item(msgspec.Struct, kw_only=True):
    """Figures of one combination of values; only the dimensions asked for are there, and what belongs to them."""

    account_id: str | UnsetType = field(name="account.id", default=UNSET)
    account_name: str | UnsetType = field(name="account.name", default=UNSET)
    entity_name: str | UnsetType = field(name="entity-name", default=UNSET)
    recipient_provider: str | UnsetType = field(name="recipient-provider", default=UNSET)
    recipient_domain: str | UnsetType = field(name="recipient-domain", default=UNSET)
    domain_name: str | UnsetType = field(name="domain.name", default=UNSET)
    pool_id: str | UnsetType = field(name="envelope.i-ip-pool-id", default=UNSET)
    pool_name: str | UnsetType = field(name="envelope.i-ip-pool-name", default=UNSET)
    sending_ip: str | UnsetType = field(name="envelope.sending-ip", default=UNSET)
    timestamp: str | UnsetType = UNSET
    tags: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    criticality: str | UnsetType = UNSET
    severity: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    group_id: str | UnsetType = field(name="group-id", default=UNSET)
    sample_text: str | UnsetType = field(name="sample-text", default=UNSET)
    explanation: str | UnsetType = UNSET
    metrics: Counts


class PageOut(msgspec.Struct):
    """Which part of the items this is."""

    sort: str
    skip: int
    limit: int
    total: int


class Metrics(msgspec.Struct):
    """Failures by the dimensions asked for."""

    start: str
    end: str
    resolution: str
    duration: str
    dimensions: list[str]
    pagination: PageOut
    items: list[Item]


# -- version 1


class StatsQuery(msgspec.Struct, kw_only=True):
    """By what bounces are counted: `subaccount.id`, `domain.name`, `entity-id`, `rule-id`, with commas."""

    group: list[str] = []
    limit: int = 0
    include_subaccounts: bool = False


class DomainsQuery(Offset, kw_only=True):
    """Which domains; `query` is `domain.name:example.com`."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000
    clamps: ClassVar[bool] = True

    query: str = ""
    include_subaccounts: bool = False


class Subaccounts(msgspec.Struct, kw_only=True):
    """Whether the domain may be a subaccount's."""

    include_subaccounts: bool = False


class Bounced(msgspec.Struct):
    """How many messages bounced."""

    total: int


class Named(msgspec.Struct):
    """A domain."""

    name: str


class Identified(msgspec.Struct):
    """An account."""

    id: str


class Stat(msgspec.Struct, kw_only=True):
    """Bounces of one combination of values."""

    subaccount: Identified | UnsetType = UNSET
    domain: Named | UnsetType = UNSET
    rule_id: str | UnsetType = field(name="rule-id", default=UNSET)
    entity_id: str | UnsetType = field(name="entity-id", default=UNSET)
    short_explanation: str | UnsetType = field(name="short-explanation", default=UNSET)
    bounced: Bounced


class StatList(msgspec.Struct):
    """The most bounces first."""

    items: list[Stat]
    duration: str = field(name="_duration", default="0s")


class DomainStat(msgspec.Struct):
    """Bounces of a domain."""

    domain: Named
    bounced: Bounced


class DomainList(msgspec.Struct):
    """The domains with the most bounces first."""

    items: list[DomainStat]
    total: int
    req: dict[str, Any]


class EntityStat(msgspec.Struct, rename="kebab"):
    """Bounces that one entity caused."""

    entity_id: str
    entity_name: str
    bounced: Bounced


class EntityList(msgspec.Struct):
    """The entities with the most bounces first."""

    items: list[EntityStat]


class RuleStat(msgspec.Struct, rename="kebab"):
    """Bounces that one rule judged."""

    rule_id: str
    category: str
    severity: str
    sample_text: str
    explanation: str
    bounced: Bounced


class RuleList(msgspec.Struct):
    """The rules with the most bounces first."""

    items: list[RuleStat]


class EntityOut(msgspec.Struct):
    """Who says no."""

    name: str


class RuleOut(msgspec.Struct):
    """What a reply means."""

    entity_id: str
    class_: str = field(name="class")
    sample_text: str = field(name="sample-text")
    explanation: str
    short_explanation: str = field(name="short-explanation")
