"""The rules of thresholds."""

import uuid
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from postwright.analytics import COUNTS
from postwright.kernel.db import Read, Write

from .errors import AlertNotFound, BadAlert, NameTaken
from .periods import start
from .records import CHANNELS, LIMIT, NOTHING_COUNTS, SEND_ALERT, Filter, Threshold
from .schemas import LimitIn, SendAlertIn
from .store import thresholds

METRICS: Final = {
    SEND_ALERT: ("hard_bounce_rate", "temporary_fail_rate", "delivered_rate", "complained_rate"),
    # The published ones count what other products do, nothing here; ours are the counts of the metrics.
    LIMIT: (*NOTHING_COUNTS, *COUNTS),
}
COMPARATORS: Final = ("=", "!=", "<", "<=", ">", ">=")
DIMENSIONS: Final = ("domain", "ip", "ip_pool", "recipient_provider", "subaccount")
FITS: Final = ("=", "!=", "contains", "not contains")
MAX_THRESHOLDS: Final = 100  # of an account and kind
MAX_LIMIT: Final = {SEND_ALERT: 1_000_000, LIMIT: 10**15}
MAX_NAME: Final = 255
MAX_DESCRIPTION: Final = 1_000
MAX_FILTERS: Final = 10
MAX_VALUES: Final = 100
DEFAULT_PERIOD: Final = {SEND_ALERT: "1h", LIMIT: "1M"}
WHAT: Final = {SEND_ALERT: "send alerts", LIMIT: "limits"}


def understood(account_id: str, given: LimitIn, now: int) -> Threshold:
    """The threshold that a request describes, on a rate or a number. Raises BadAlert."""
    kind, channels = (
        (SEND_ALERT, given.alert_channels) if isinstance(given, SendAlertIn) else (LIMIT, [*CHANNELS])
    )
    name = given.name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable() or "/" in name:
        raise BadAlert("'name' attribute is missing or invalid")
    _one_of("metric", given.metric, METRICS[kind])
    _one_of("comparator", given.comparator, COMPARATORS)
    _one_of("dimension", given.dimension, DIMENSIONS)
    period = given.period.strip() or DEFAULT_PERIOD[kind]
    if start(period, now) is None:
        raise BadAlert(
            "'period' attribute is invalid: hours, days or calendar months such as 1h, 1d or 1M expected, at most 30d"
        )
    if len(given.description) > MAX_DESCRIPTION:
        raise BadAlert("'description' attribute is too long")
    for channel in channels:
        _one_of("alert_channels", channel, CHANNELS)
    return Threshold(
        id=str(uuid.uuid4()),
        account_id=account_id,
        kind=kind,
        name=name,
        metric=given.metric,
        comparator=given.comparator,
        limit=_limit(given.limit, MAX_LIMIT[kind]),
        dimension=given.dimension,
        period=period,
        description=given.description,
        channels=list(dict.fromkeys(channels)),
        filters=_filters(given),
        created_at=now,
        updated_at=now,
        last_checked=0,
    )


def _one_of(attribute: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadAlert(f"'{attribute}' attribute is invalid: one of {', '.join(known)} expected")


def _limit(text: str, most: int) -> str:
    """The limit as it was given, once it is known to be a number."""
    bare = text.strip()
    try:
        number = Decimal(bare)
    except InvalidOperation:
        number = Decimal("NaN")
    if len(bare) > 30 or not number.is_finite() or not 0 <= number <= most:
        raise BadAlert("'limit' attribute is invalid: a number such as .99 or 1000 expected")
    return bare


def _filters(given: LimitIn) -> list[Filter]:
    if len(given.filters) > MAX_FILTERS:
        raise BadAlert(f"'filters' attribute is invalid: at most {MAX_FILTERS} expected")
    for each in given.filters:
        _one_of("filters.dimension", each.dimension, DIMENSIONS)
        _one_of("filters.comparator", each.comparator, FITS)
        if not 0 < len(each.values) <= MAX_VALUES or any(len(value) > MAX_NAME for value in each.values):
            raise BadAlert("'filters.values' attribute is missing or too large")
    return [Filter(each.dimension, each.comparator, each.values) for each in given.filters]


def create(tx: Write, alert: Threshold) -> None:
    """Add a threshold. Raises BadAlert, NameTaken."""
    if thresholds.count(tx, alert.account_id, alert.kind) >= MAX_THRESHOLDS:
        raise BadAlert(f"at most {MAX_THRESHOLDS} {WHAT[alert.kind]} are allowed")
    if not thresholds.put(tx, alert):
        raise NameTaken


def change(tx: Write, name: str, alert: Threshold) -> None:
    """Put another threshold in the place of one; its hits are forgotten. Raises AlertNotFound, NameTaken."""
    old = need(tx, alert.account_id, alert.kind, name)
    changed = msgspec.structs.replace(alert, id=old.id, created_at=old.created_at)
    if not thresholds.put(tx, changed):
        raise NameTaken
    thresholds.forget_hits(tx, old.id)


def remove(tx: Write, account_id: str, kind: str, name: str) -> None:
    """Delete a threshold with its hits. Raises AlertNotFound."""
    thresholds.remove(tx, need(tx, account_id, kind, name).id)


def need(tx: Read, account_id: str, kind: str, name: str) -> Threshold:
    """A threshold by its name. Raises AlertNotFound."""
    for text in dict.fromkeys((name, name.replace("+", " "))):  # some clients write a blank so in a path
        if found := thresholds.one(tx, account_id, kind, text):
            return found
    raise AlertNotFound
