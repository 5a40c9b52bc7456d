"""Keep captured messages, show them, delete them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from postwright import domains
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.errors import Refused
from postwright.mail.mime import parse

from . import store
from .schemas import Captured, CapturedMessage, File, Page, Query

KEEP = 20_000  # messages; older ones go, so that an instance in CI never fills the disk
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
    for recipient in recipients:
        store.add(
            tx,
            (
                now,
                account_id,
                sender,
                recipient.lower(),
                head.get("from", ""),
                head.get("to", ""),
                head.get("subject", ""),
                head.get("message-id", "").strip("<> "),
                len(raw),
                raw,
            ),
        )


def page(tx: Read, account_id: str, query: Query, url: str) -> Page:
    """A page of the account's captured messages, newest first."""
    limit = min(max(query.limit, 1), MAX_PAGE)
    exact = {"recipient": query.recipient.lower(), "message_id": query.message_id.strip("<>")}
    rows = store.page(tx, account_id, query.before, limit, {k: v for k, v in exact.items() if v}, query.term)
    last = f"{url}?limit={limit}&before={rows[-1].id}" if len(rows) == limit else ""
    return Page([_summary(row) for row in rows], store.count(tx, account_id), last)


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
