"""The rules of thresholds."""

import uuid
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from postwright.kernel.db import Read, Write

from .errors import AlertNotFound, BadAlert, NameTaken
from .evaluator import seconds
from .records import CHANNELS, Filter, SendAlert
from .schemas import SendAlertIn
from .store import thresholds

METRICS: Final = ("hard_bounce_rate", "temporary_fail_rate", "delivered_rate", "complained_rate")
COMPARATORS: Final = ("=", "!=", "<", "<=", ">", ">=")
DIMENSIONS: Final = ("domain", "ip", "ip_pool", "recipient_provider", "subaccount")
FITS: Final = ("=", "!=", "contains", "not contains")
MAX_ALERTS: Final = 100  # of an account
MAX_NAME: Final = 255
MAX_DESCRIPTION: Final = 1_000
MAX_FILTERS: Final = 10
MAX_VALUES: Final = 100
DEFAULT_PERIOD: Final = "1h"


def understood(account_id: str, given: SendAlertIn, now: int) -> SendAlert:
    """The threshold that a request describes. Raises BadAlert."""
    name = given.name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable() or "/" in name:
        raise BadAlert("'name' attribute is missing or invalid")
    _one_of("metric", given.metric, METRICS)
    _one_of("comparator", given.comparator, COMPARATORS)
    _one_of("dimension", given.dimension, DIMENSIONS)
    period = given.period.strip().lower() or DEFAULT_PERIOD
    if seconds(period) is None:
        raise BadAlert("'period' attribute is invalid: hours or days such as 1h or 1d expected, at most 30d")
    if len(given.description) > MAX_DESCRIPTION:
        raise BadAlert("'description' attribute is too long")
    for channel in given.alert_channels:
        _one_of("alert_channels", channel, CHANNELS)
    return SendAlert(
        id=str(uuid.uuid4()),
        account_id=account_id,
        name=name,
        metric=given.metric,
        comparator=given.comparator,
        limit=_limit(given.limit),
        dimension=given.dimension,
        period=period,
        description=given.description,
        channels=list(dict.fromkeys(given.alert_channels)),
        filters=_filters(given),
        created_at=now,
        updated_at=now,
        last_checked=0,
    )


def _one_of(attribute: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadAlert(f"'{attribute}' attribute is invalid: one of {', '.join(known)} expected")


def _limit(text: str) -> str:
    """The limit as it was given, once it is known to be a number."""
    bare = text.strip()
    try:
        number = Decimal(bare)
    except InvalidOperation:
        number = Decimal("NaN")
    if len(bare) > 30 or not number.is_finite() or not 0 <= number <= 1_000_000:
        raise BadAlert("'limit' attribute is invalid: a number such as .99 expected")
    return bare


def _filters(given: SendAlertIn) -> list[Filter]:
    if len(given.filters) > MAX_FILTERS:
        raise BadAlert(f"'filters' attribute is invalid: at most {MAX_FILTERS} expected")
    for each in given.filters:
        _one_of("filters.dimension", each.dimension, DIMENSIONS)
        _one_of("filters.comparator", each.comparator, FITS)
        if not 0 < len(each.values) <= MAX_VALUES or any(len(value) > MAX_NAME for value in each.values):
            raise BadAlert("'filters.values' attribute is missing or too large")
    return [Filter(each.dimension, each.comparator, each.values) for each in given.filters]


def create(tx: Write, alert: SendAlert) -> None:
    """Add a threshold. Raises BadAlert, NameTaken."""
    if thresholds.count(tx, alert.account_id) >= MAX_ALERTS:
        raise BadAlert(f"at most {MAX_ALERTS} send alerts are allowed")
    if not thresholds.put(tx, alert):
        raise NameTaken


def change(tx: Write, name: str, alert: SendAlert) -> None:
    """Put another threshold in the place of one; its hits are forgotten. Raises AlertNotFound, NameTaken."""
    old = need(tx, alert.account_id, name)
    changed = msgspec.structs.replace(alert, id=old.id, created_at=old.created_at)
    if not thresholds.put(tx, changed):
        raise NameTaken
    thresholds.forget_hits(tx, old.id)


def remove(tx: Write, account_id: str, name: str) -> None:
    """Delete a threshold with its hits. Raises AlertNotFound."""
    thresholds.remove(tx, need(tx, account_id, name).id)


def need(tx: Read, account_id: str, name: str) -> SendAlert:
    """A threshold by its name. Raises AlertNotFound."""
    for text in dict.fromkeys((name, name.replace("+", " "))):  # some clients write a blank so in a path
        if found := thresholds.one(tx, account_id, text):
            return found
    raise AlertNotFound
