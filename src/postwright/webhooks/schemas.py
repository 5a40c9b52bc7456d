"""Requests and replies of the webhook operations."""

from typing import Any

import msgspec

from postwright.kernel.http import KeepEmpty, Moment, dates
from postwright.kernel.http.paging import Limit, Links

from .history import STATES
from .service import Hook, Urls


class NewWebhook(msgspec.Struct, kw_only=True):
    """URLs for one type of event."""

    id: str
    url: list[str]


class SetWebhook(msgspec.Struct, kw_only=True):
    """The URLs that replace those of a type."""

    url: list[str]


class TestWebhook(msgspec.Struct, kw_only=True):
    """Where to send a sample; to the type's own URLs when left out."""

    url: list[str] = []


class UrlTypes(msgspec.Struct, kw_only=True):
    """A URL and the types it is told of (repeated, or with commas)."""

    url: str = ""
    event_types: list[str] = []


class UrlFilter(msgspec.Struct, kw_only=True):
    """URLs, with commas."""

    url: list[str] = []


class AccountWebhook(UrlTypes, kw_only=True):
    """A webhook of the account."""

    description: str | None = None


class IdFilter(msgspec.Struct, kw_only=True):
    """Which webhooks: ids with commas; all when left out."""

    # Empty is not left out: a program that found no ids must not delete everything.
    webhook_ids: KeepEmpty | None = None


class IdsToDelete(IdFilter, kw_only=True):
    """Which webhooks: ids with commas, or all."""

    all: bool = False


class WebhookUrls(msgspec.Struct):
    """The URLs of one type; the first also by itself, for older clients."""

    urls: list[str]
    url: str


class Webhooks(msgspec.Struct):
    """The URLs of each type that has any."""

    webhooks: dict[str, WebhookUrls]


class OneWebhook(msgspec.Struct):
    """The URLs of one type."""

    webhook: WebhookUrls


class WebhookChanged(msgspec.Struct):
    """What was done, and the URLs it concerned."""

    message: str
    webhook: WebhookUrls


class Tested(msgspec.Struct):
    """What the receiver said to a sample."""

    code: int
    message: str


class HookInfo(msgspec.Struct):
    """A webhook of the account."""

    webhook_id: str
    description: str
    url: str
    event_types: list[str]
    created_at: str


class HookList(msgspec.Struct):
    """The webhooks of the account, oldest first."""

    webhooks: list[HookInfo]


class HookCreated(msgspec.Struct):
    """The new webhook."""

    webhook_id: str


class CallShown(msgspec.Struct):
    """A call about an event. `state`: queued, sending, done or given up; `last_status` 0: no answer came."""

    id: int
    event_type: str
    url: str
    state: str
    attempts: int
    last_status: int
    last_error: str
    created_at: str
    next_at: str | None
    finished_at: str | None


def call_shown(row: Any) -> CallShown:
    """A call as answers show it."""
    return CallShown(
        id=row.id,
        event_type=row.event_type,
        url=row.url,
        state=STATES[row.state],
        attempts=row.attempts + (row.finished_at > 0),
        last_status=row.last_status,
        last_error=row.last_error,
        created_at=dates.rfc3339(row.created_at),
        next_at=dates.rfc3339(row.due_at) if row.state == 0 else None,
        finished_at=dates.rfc3339(row.finished_at) if row.finished_at else None,
    )


class CallScope(msgspec.Struct, kw_only=True):
    """Which calls: of a domain, in a state (queued · sending · done · given up), of a type, to a URL; first due
    between `begin` and `end`."""

    domain: str = ""
    state: str = ""
    event_type: str = ""
    url: str = ""
    begin: Moment | None = None
    end: Moment | None = None


class CallsQuery(Limit, kw_only=True):
    """Which calls to list, as for replaying them."""

    most = 300
    clamps = True

    page: str = ""
    domain: str = ""
    state: str = ""
    event_type: str = ""
    url: str = ""
    begin: Moment | None = None
    end: Moment | None = None


class CallPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A page of calls: those before call `b`, or after call `a`."""

    x: dict[str, str | int] = {}
    low: int | None = None
    high: int | None = None
    limit: int = 100
    b: int | None = None
    a: int | None = None


class CallPage(msgspec.Struct):
    """Calls, the newest first."""

    items: list[CallShown]
    paging: Links


class CallDetail(CallShown, kw_only=True):
    """A call with what was said. `event_data` is what the receiver gets beside a fresh signature; null when the
    event has expired. `response` is how the last answer begins."""

    event_data: Any
    response: str


class ReplayForm(CallScope, kw_only=True):
    """Which calls to make again; `dry_run` only counts them. A beginning has to be given."""

    dry_run: bool = False


class Replayed(msgspec.Struct):
    """How many calls are made again. `complete` false: there are more, ask once more with a later beginning."""

    message: str
    count: int
    complete: bool


class SignatureForm(msgspec.Struct, kw_only=True):
    """The three values that stand under `signature` in a call."""

    timestamp: str
    token: str
    signature: str


class SignatureJudged(msgspec.Struct):
    """Whether a receiver should take the call, and if not, why."""

    valid: bool
    message: str


def detail(row: Any, event: bytes | None) -> CallDetail:
    """A call with all that is known of it."""
    return CallDetail(
        **msgspec.structs.asdict(call_shown(row)),
        event_data=None if event is None else msgspec.json.decode(event),
        response=row.response,
    )


def shown(urls: list[str]) -> WebhookUrls:
    """URLs as answers show them."""
    return WebhookUrls(urls, urls[0])


def all_shown(urls: Urls) -> Webhooks:
    """The URLs of a level as answers show them."""
    return Webhooks({name: shown(each) for name, each in urls.items()})


def info(hook: Hook) -> HookInfo:
    """A webhook as answers show it."""
    return HookInfo(hook.id, hook.description, hook.url, hook.event_types, dates.rfc3339(hook.created_at))


def sample(kind: str, domain: str, account_id: str, now: int) -> dict[str, Any]:
    """An event that never happened, for trying a receiver out."""
    name, _, _ = kind.partition("_")
    event = "failed" if kind.endswith("_fail") else kind
    data: dict[str, Any] = {
        "event": event,
        "id": "sample",
        "timestamp": now / 1_000_000,
        "log-level": "info",
        "account": {"id": account_id},
        "domain": {"name": domain},
        "recipient": f"sample@{domain}",
        "recipient-domain": domain,
        "tags": ["sample"],
        "campaigns": [],
        "user-variables": {},
        "flags": {"is-test-mode": True},
        "message": {"headers": {"message-id": f"sample@{domain}"}, "attachments": [], "size": 0},
    }
    if event == "failed":
        data["severity"] = name
        data["reason"] = "generic"
        data["delivery-status"] = {"attempt-no": 1, "code": 550, "message": "sample", "description": None}
    return data
