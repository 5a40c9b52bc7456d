"""Requests and replies of the statistics operations."""

from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from postwright.kernel.http import Moment
from postwright.kernel.http.paging import Offset


class Range(msgspec.Struct, kw_only=True):
    """What is counted, and from when to when; `duration` (`<n>h`, `<n>d`, `<n>m`) reaches back from `end`."""

    event: list[str] = []
    start: Moment | None = None
    end: Moment | None = None
    resolution: str = ""
    duration: str = ""


class TagRange(Range, kw_only=True):
    """What is counted of a tag, perhaps only for one provider, device or country."""

    tag: str = ""
    provider: str = ""
    device: str = ""
    country: str = ""


class FilterRange(Range, kw_only=True):
    """What is counted of what fits `filter` (`domain:example.com`), by what is said in `group`."""

    filter: list[str] = []
    group: str = ""


class OneMoment(Offset, kw_only=True):
    """What is counted of each domain in the hour, day or month around `timestamp`."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000
    clamps: ClassVar[bool] = True

    event: list[str] = []
    timestamp: Moment | None = None
    resolution: str = ""


class Aggregate(msgspec.Struct, kw_only=True):
    """Which tag, and whether by country, provider or device."""

    tag: str = ""
    type: str = ""


class Accepted(msgspec.Struct):
    """Messages taken in."""

    incoming: int
    outgoing: int
    total: int


class Delivered(msgspec.Struct):
    """Messages handed over."""

    smtp: int
    http: int
    optimized: int
    total: int


class Temporary(msgspec.Struct):
    """Attempts that failed and were to be repeated."""

    espblock: int
    total: int


class Permanent(msgspec.Struct, rename="kebab"):
    """Messages given up."""

    suppress_bounce: int
    suppress_unsubscribe: int
    suppress_complaint: int
    bounce: int  # all that were not suppressed
    delayed_bounce: int
    webhook: int
    optimized: int
    total: int


class Failed(msgspec.Struct):
    """What could not be handed over."""

    temporary: Temporary
    permanent: Permanent


class Total(msgspec.Struct):
    """A number."""

    total: int


class Hits(msgspec.Struct):
    """Opens or clicks: all, and the first ones of each message and recipient."""

    total: int
    unique: int


class Validation(msgspec.Struct):
    """Addresses looked at by a service that this platform does not have."""

    total: int
    public: int
    valid: int
    single: int
    bulk: int
    list: int
    mailgun: int
    mailjet: int


class Stat(msgspec.Struct, kw_only=True):
    """One bucket: only the events that were asked for are there.

    From `campaign` on it is about services that this platform does not have, so that nobody can ask for them.
    """

    time: str
    accepted: Accepted | UnsetType = UNSET
    delivered: Delivered | UnsetType = UNSET
    failed: Failed | UnsetType = UNSET
    stored: Total | UnsetType = UNSET
    opened: Hits | UnsetType = UNSET
    clicked: Hits | UnsetType = UNSET
    unsubscribed: Total | UnsetType = UNSET
    complained: Total | UnsetType = UNSET
    domain: str | UnsetType = UNSET
    subaccount: str | UnsetType = UNSET
    ip: str | UnsetType = UNSET
    ip_pool: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    device: str | UnsetType = UNSET
    campaign: Total | UnsetType = UNSET
    email_validation: Validation | UnsetType = UNSET
    seed_test: Total | UnsetType = UNSET
    ip_blocklist_monitoring: Total | UnsetType = UNSET
    domain_blocklist_monitoring: Total | UnsetType = UNSET
    email_preview: Total | UnsetType = UNSET
    email_preview_failed: Total | UnsetType = UNSET
    link_validation: Total | UnsetType = UNSET
    link_validation_failed: Total | UnsetType = UNSET


class StatType(msgspec.Struct):
    """By what buckets are made."""

    type: str
    key: str


class Stats(msgspec.Struct, kw_only=True):
    """Buckets in order."""

    tag: str | UnsetType = UNSET
    description: str = msgspec.field(default="")
    start: str
    end: str
    type: StatType | UnsetType = UNSET
    resolution: str
    stats: list[Stat]


Counts = dict[str, int]


class Providers(msgspec.Struct):
    """Figures by the domain of the recipient."""

    providers: dict[str, Counts]


class Devices(msgspec.Struct):
    """Figures by device."""

    devices: dict[str, Counts]


class Countries(msgspec.Struct):
    """Figures by country, in lower case."""

    countries: dict[str, Counts]


class TagAggregate(msgspec.Struct):
    """Figures of a tag by one of three things."""

    tag: str
    provider: dict[str, Counts] | UnsetType = UNSET
    country: dict[str, Counts] | UnsetType = UNSET
    device: dict[str, Counts] | UnsetType = UNSET
    providers: dict[str, Counts] | UnsetType = UNSET
    countries: dict[str, Counts] | UnsetType = UNSET
    devices: dict[str, Counts] | UnsetType = UNSET


def stat(time: str, names: list[str], found: dict[str, Any]) -> Stat:
    """A bucket of the events `names` from the metrics of a group (none: nothing happened)."""

    def n(name: str) -> int:
        return int(found.get(f"{name}_count", 0))

    made = Stat(time=time)
    for name in names:
        match name:
            case "accepted":
                made.accepted = Accepted(n("accepted_incoming"), n("accepted_outgoing"), n("accepted"))
            case "delivered":
                made.delivered = Delivered(
                    n("delivered_smtp"), n("delivered_http"), n("delivered_optimized"), n("delivered")
                )
            case "failed":
                made.failed = Failed(
                    Temporary(n("temporary_failed_esp_block"), n("temporary_failed")),
                    Permanent(
                        suppress_bounce=n("suppressed_bounces"),
                        suppress_unsubscribe=n("suppressed_unsubscribed"),
                        suppress_complaint=n("suppressed_complaints"),
                        bounce=n("bounced"),
                        delayed_bounce=n("delayed_bounce"),
                        webhook=n("webhook"),
                        optimized=n("permanent_failed_optimized"),
                        total=n("permanent_failed"),
                    ),
                )
            case "opened" | "clicked":
                setattr(made, name, Hits(n(name), n(f"unique_{name}")))
            case _:
                setattr(made, name, Total(n(name)))
    return made
