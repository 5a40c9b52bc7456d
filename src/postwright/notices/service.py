"""Notices from being needed to being sent."""

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id
from postwright.kernel.secrets import Vault

from . import store
from .records import Notice

LEASE = 120  # seconds that a sender has for one
PAUSES = (60, 300, 900, 3600)  # seconds after a failure; the last again and again
MAX_ATTEMPTS = 76  # about three days


def add(tx: Write, vault: Vault, now: int, recipient: str, subject: str, text: str) -> None:
    """Have a mail sent to somebody, if this transaction is committed."""
    notice_id = hex_id()
    sealed = vault.seal(text.encode(), _place(notice_id))
    store.add(
        tx,
        {
            "id": notice_id,
            "recipient": recipient,
            "subject": subject,
            "text": sealed,
            "created_at": now,
            "due_at": now,
            "attempts": 0,
        },
    )


def any_due(tx: Read, now: int) -> bool:
    """Whether there is something to send."""
    return bool(store.due(tx, now, 1))


def claim(tx: Write, vault: Vault, now: int, limit: int = 20) -> list[Notice]:
    """Notices that are due, for this sender alone for two minutes."""
    taken = []
    for row in store.due(tx, now, limit):
        if store.lease(tx, row.id, row.due_at, now + LEASE * SECOND):
            text = vault.open(row.text, _place(row.id)).decode()
            taken.append(Notice(row.id, row.recipient, row.subject, text, row.attempts + 1))
    return taken


def done(tx: Write, notice: Notice) -> None:
    """It is on its way."""
    store.remove(tx, notice.id)


def failed(tx: Write, notice: Notice, now: int) -> bool:
    """It could not be sent: later again. False: given up."""
    if notice.attempts >= MAX_ATTEMPTS:
        store.remove(tx, notice.id)
        return False
    pause = PAUSES[min(notice.attempts, len(PAUSES)) - 1]
    store.postpone(tx, notice.id, now + pause * SECOND)
    return True


def _place(notice_id: str) -> str:
    return f"notice {notice_id}"
