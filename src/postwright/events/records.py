"""Event records: the words that queue, webhooks, logs and statistics share (behaviour.md section 6)."""

from typing import Any, Final

import msgspec

LEVELS: Final = {
    "accepted": "info",
    "rejected": "warn",
    "delivered": "info",
    "failed": "error",
    "opened": "info",
    "clicked": "info",
    "unsubscribed": "info",
    "complained": "warn",
    "stored": "info",
    "list_member_uploaded": "info",
    "list_member_upload_error": "error",
    "list_uploaded": "info",
}
EVENT_NAMES: Final = frozenset(LEVELS)

WEBHOOK_TYPES: Final = (
    "accepted",
    "delivered",
    "opened",
    "clicked",
    "unsubscribed",
    "complained",
    "permanent_fail",
    "temporary_fail",
)


class Event(msgspec.Struct, kw_only=True):
    """One thing that happened to a message.

    `data` holds the members of the JSON object beside `event`, `id`, `timestamp` and `log-level`, which
    `append` adds: the log stamps the time, so that time order and commit order agree.
    """

    name: str
    account_id: str
    domain_id: str
    data: dict[str, Any]
    severity: str = ""  # "temporary" | "permanent", for `failed`
    recipient: str = ""  # searched for in lower case
    message_id: str = ""  # without angle brackets

    @property
    def level(self) -> str:
        """The `log-level` of the wire format; a failure that will be tried again is only a warning."""
        return "warn" if self.severity == "temporary" else LEVELS[self.name]


def webhook_type(name: str, severity: str) -> str | None:
    """The webhook type an event is told as, or None when no webhook tells it."""
    if name == "failed":
        return f"{severity}_fail"
    return name if name in WEBHOOK_TYPES else None
