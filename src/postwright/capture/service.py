"""Keep captured messages, show them, delete them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from postwright import domains
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.errors import Refused
from postwright.mail.mime import parse

from . import store
from .schemas import Captured, CapturedMessage, File, Page, Query

# Older messages go, so that an instance in CI never fills the disk.
KEEP = 20_000  # messages
KEEP_SIZE = 2 * 1024**3  # octets
MAX_PAGE = 300


class NotCaptured(Refused):
    """No such captured message."""

    status = 404
    message = "Captured message not found"


def keep(
    tx: Write, now: int, sender: str, recipients: Sequence[str], head: Mapping[str, str], raw: bytes
) -> None:
    """Keep one message, once for each envelope recipient."""
    # The envelope sender is our own bounce address: its host says whose message it is.
    account_id = domains.account_of_host(tx, sender.rpartition("@")[2].lower()) or ""
    # PostgreSQL has no NUL in text; what was sent keeps its own.
    from_, to, subject, message_id = (
        head.get(name, "").replace("\0", "\ufffd") for name in ("from", "to", "subject", "message-id")
    )
    for recipient in recipients:
        store.add(
            tx,
            (
                now,
                account_id,
                sender,
                recipient.lower(),
                from_,
                to,
                subject,
                message_id.strip("<> "),
                len(raw),
                raw,
            ),
        )


def trim(tx: Write) -> int:
    """Delete what is more than is kept, the oldest first; how many."""
    return store.trim(tx, KEEP, KEEP_SIZE)


def page(tx: Read, account_id: str, query: Query, url: str) -> Page:
    """A page of the account's captured messages, newest first."""
    limit = min(max(query.limit, 1), MAX_PAGE)
    wanted = {"recipient": query.recipient.lower(), "message_id": query.message_id.strip("<>")}
    exact = {name: value for name, value in wanted.items() if value}
    rows = store.page(tx, account_id, query.before, limit + 1, exact, query.term)
    more = len(rows) > limit
    rows = rows[:limit]
    asked = {"limit": limit, **exact, **({"term": query.term} if query.term else {})}
    following = f"{url}?{urlencode(asked | {'before': rows[-1].id})}" if more else ""
    total = store.count(tx, account_id, exact, query.term)
    return Page([_summary(row) for row in rows], total, following)


def one(tx: Read, account_id: str, key: int) -> Any:
    """The row of one message. Raises NotCaptured."""
    row = store.one(tx, account_id, key)
    if row is None:
        raise NotCaptured
    return row


def detail(row: Any, url: str) -> CapturedMessage:
    """A message with its content."""
    parsed = parse(row.raw)
    summary = _summary(row)
    return CapturedMessage(
        **{name: getattr(summary, name) for name in summary.__struct_fields__},
        headers=parsed.headers,
        text=parsed.bodies.get("plain"),
        html=parsed.bodies.get("html"),
        attachments=[File(p.filename, p.content_type, len(p.data)) for p in parsed.attachments],
        raw_url=f"{url}/raw",
    )


def remove(tx: Write, account_id: str, key: int | None = None) -> int:
    """Delete one message (NotCaptured when it is not there) or all of the account."""
    gone = store.remove(tx, account_id, key)
    if key is not None and not gone:
        raise NotCaptured
    return gone


def _summary(row: Any) -> Captured:
    return Captured(
        id=row.id,
        received_at=datetime.fromtimestamp(row.at / SECOND, UTC).isoformat(timespec="milliseconds"),
        sender=row.sender,
        recipient=row.recipient,
        from_=row.from_,
        to=row.to,
        subject=row.subject,
        message_id=row.message_id,
        size=row.size,
    )
