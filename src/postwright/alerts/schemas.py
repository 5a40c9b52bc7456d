"""Requests and replies of the alert operations."""

from typing import Any, ClassVar

import msgspec

from postwright.kernel.http import dates
from postwright.kernel.http.paging import Limit, Links, Offset

from .records import Filter, Hit, Setting, Targets, Threshold
from .slack import SlackChannel

# What Go clients send and expect for a time that is not set.
_NEVER = "0001-01-01T00:00:00Z"


# -- account alerts


class Types(msgspec.Struct):
    """What one can be told of."""

    events: list[str]


class SettingIn(msgspec.Struct, kw_only=True):
    """One type of event on one channel."""

    event_type: str = ""
    channel: str = ""
    settings: Targets | None = None


class Disabled(msgspec.Struct):
    """Since when a Slack channel gets nothing, and why."""

    disabled_at: str
    reason: str


class TargetsOut(msgspec.Struct):
    """Where a channel leads; only what belongs to it is there."""

    url: str | msgspec.UnsetType = msgspec.UNSET
    emails: list[str] | msgspec.UnsetType = msgspec.UNSET
    channel_ids: list[str] | msgspec.UnsetType = msgspec.UNSET
    disabled_channel_ids: dict[str, Disabled] | msgspec.UnsetType = msgspec.UNSET


class SettingOut(msgspec.Struct):
    """One type of event on one channel; `disabled_at` tells since when it is out of use."""

    id: str
    event_type: str
    channel: str
    settings: TargetsOut
    disabled_at: str | None


class WebhookKey(msgspec.Struct):
    """The key that signs alerts."""

    signing_key: str


class SlackIn(msgspec.Struct, kw_only=True):
    """How to reach a Slack team."""

    token: str = ""
    team_id: str | None = None
    team_name: str | None = None
    scope: str | None = None


class SlackOut(msgspec.Struct):
    """How a Slack team is reached; all empty while none is."""

    token: str
    team_id: str | None
    team_name: str | None
    scope: str | None


class Settings(msgspec.Struct):
    """Who is told of what, and with which keys. Who may only read sees no keys."""

    events: list[SettingOut]
    webhooks: WebhookKey
    slack: SlackOut


class Done(msgspec.Struct):
    """What was done."""

    message: str


class TestWebhook(msgspec.Struct, kw_only=True):
    """A URL to try."""

    __test__: ClassVar[bool] = False  # no test of pytest's

    event_type: str = ""
    url: str = ""


class TestEmail(msgspec.Struct, kw_only=True):
    """Addresses to try."""

    __test__: ClassVar[bool] = False

    event_type: str = ""
    emails: list[str] = []


class TestSlack(msgspec.Struct, kw_only=True):
    """Slack channels to try; without any those that are told of the type."""

    __test__: ClassVar[bool] = False

    event_type: str = ""
    channel_ids: list[str] = []


class ChannelsQuery(Limit, kw_only=True):
    """Which page of channels."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000
    clamps: ClassVar[bool] = True

    page: str = ""


class ChannelPage(msgspec.Struct):
    """A page of Slack channels."""

    items: list[SlackChannel]
    paging: Links


class Cursor(msgspec.Struct):
    """Where a page of Slack channels begins."""

    cursor: str = ""
    limit: int = 100
    end: bool = False  # behind the last one


def shown(setting: Setting) -> SettingOut:
    """A setting as clients see it."""
    given = setting.targets
    targets = TargetsOut()
    if setting.channel == "webhook":
        targets.url = given.url
    elif setting.channel == "email":
        targets.emails = given.emails
    else:
        targets.channel_ids = given.channel_ids
        if given.disabled_channel_ids:
            targets.disabled_channel_ids = {
                name: Disabled(each["disabled_at"], each["reason"])
                for name, each in given.disabled_channel_ids.items()
            }
    disabled = dates.rfc3339(setting.disabled_at) if setting.disabled_at else None
    return SettingOut(setting.id, setting.event_type, setting.channel, targets, disabled)


# -- thresholds


class FilterIn(msgspec.Struct, kw_only=True):
    """Only what fits is counted."""

    dimension: str = ""
    comparator: str = ""
    values: list[str] = []


class LimitIn(msgspec.Struct, kw_only=True):
    """A threshold on a number."""

    name: str = ""
    metric: str = ""
    comparator: str = ""
    limit: str = ""
    dimension: str = ""
    filters: list[FilterIn] = []
    period: str = ""
    description: str = ""


class SendAlertIn(LimitIn, kw_only=True):
    """A threshold on a rate."""

    alert_channels: list[str] = []


class LimitOut(msgspec.Struct, kw_only=True):
    """A threshold on a number. Times that never were are of the year 1."""

    id: str
    parent_account_id: str
    subaccount_id: str
    account_group: str
    name: str
    created_at: str
    updated_at: str
    last_checked: str
    description: str
    filters: list[Filter]
    metric: str
    comparator: str
    limit: str
    dimension: str
    period: str


class SendAlertOut(LimitOut, kw_only=True):
    """A threshold on a rate. Times that never were are of the year 1."""

    alert_channels: list[str]


class LimitList(msgspec.Struct):
    """All thresholds on numbers of an account."""

    items: list[LimitOut]
    total: int


class SendAlertList(msgspec.Struct):
    """All thresholds on rates of an account."""

    items: list[SendAlertOut]
    total: int


class HitsQuery(Offset, kw_only=True):
    """Which part of the hits."""

    default: ClassVar[int] = 1000
    most: ClassVar[int] = 1000
    clamps: ClassVar[bool] = True


class HitOut(msgspec.Struct):
    """A threshold that is or was passed by one value of its dimension."""

    id: str
    name: str
    created_at: str
    updated_at: str
    triggered: bool
    expires_at: str
    latest_value: str
    metric: str
    comparator: str
    limit: str
    parent_account_id: str
    subaccount_id: str
    dimension: str
    dimension_value: str


class Hits(msgspec.Struct):
    """Hits, the latest first."""

    items: list[HitOut]
    total: int


def time(at: int) -> str:
    """A time, or that of never."""
    return dates.rfc3339(at) if at else _NEVER


def send_alert(alert: Threshold, parent: str | None) -> SendAlertOut:
    """A threshold on a rate as clients see it; `parent` is the account that a subaccount belongs to."""
    return SendAlertOut(**_shown(alert, parent), alert_channels=alert.channels)


def limit(alert: Threshold, parent: str | None) -> LimitOut:
    """A threshold on a number as clients see it."""
    return LimitOut(**_shown(alert, parent))


def _shown(alert: Threshold, parent: str | None) -> dict[str, Any]:
    return {
        "id": alert.id,
        "parent_account_id": parent or alert.account_id,
        "subaccount_id": alert.account_id if parent else "",
        "account_group": "",
        "name": alert.name,
        "created_at": time(alert.created_at),
        "updated_at": time(alert.updated_at),
        "last_checked": time(alert.last_checked),
        "description": alert.description,
        "filters": alert.filters,
        "metric": alert.metric,
        "comparator": alert.comparator,
        "limit": alert.limit,
        "dimension": alert.dimension,
        "period": alert.period,
    }


def hit(alert: Threshold, found: Hit, parent: str | None) -> HitOut:
    """A hit as clients see it."""
    return HitOut(
        id=found.id,
        name=alert.name,
        created_at=time(found.created_at),
        updated_at=time(found.updated_at),
        triggered=found.triggered,
        expires_at=time(found.expires_at),
        latest_value=found.latest_value,
        metric=alert.metric,
        comparator=alert.comparator,
        limit=alert.limit,
        parent_account_id=parent or alert.account_id,
        subaccount_id=alert.account_id if parent else "",
        dimension=alert.dimension,
        dimension_value=found.dimension_value,
    )
