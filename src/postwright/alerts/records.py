"""Alerts, as the rest of this folder sees them."""

from typing import Any, Final, Literal

import msgspec

Channel = Literal["email", "webhook", "slack"]
CHANNELS: Final = ("email", "webhook", "slack")
SEND_ALERT: Final = "send_alert"
LIMIT: Final = "limit_threshold"
# What one can be told of: the published types, and ours for the two kinds of thresholds.
TYPES: Final = (
    "ip_listed",
    "ip_delisted",
    "domain_listed",
    "domain_delisted",
    "validation_job",
    "validation_preview",
    SEND_ALERT,
    LIMIT,
)

# Published metrics of limits that count what other products do: of those there is none, ever.
NOTHING_COUNTS: Final = ("email_preview_success_count", "seed_test_count")


class Targets(msgspec.Struct, omit_defaults=True):
    """Where a channel leads: a URL, addresses, or Slack channels (some out of use, with the reason)."""

    url: str = ""
    emails: list[str] = []
    channel_ids: list[str] = []
    disabled_channel_ids: dict[str, dict[str, str]] = {}


class Setting(msgspec.Struct, frozen=True):
    """One type of event on one channel. `disabled_at` in microseconds, 0 while it is in use."""

    id: str
    account_id: str
    event_type: str
    channel: str
    targets: Targets
    disabled_at: int


class Filter(msgspec.Struct, frozen=True):
    """Only what fits is counted."""

    dimension: str
    comparator: str
    values: list[str]


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold on a rate (kind `SEND_ALERT`) or on a number (`LIMIT`). Times in microseconds, 0 for never."""

    id: str
    account_id: str
    kind: str
    name: str
    metric: str
    comparator: str
    limit: str
    dimension: str
    period: str
    description: str
    channels: list[str]
    filters: list[Filter]
    created_at: int
    updated_at: int
    last_checked: int


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that is or was passed by one value of its dimension. Times in microseconds."""

    id: str
    dimension_value: str
    triggered: bool
    created_at: int
    updated_at: int
    expires_at: int  # 0 while it lasts; then until when another one is the same and stays silent
    latest_value: str


Facts = dict[str, Any]
