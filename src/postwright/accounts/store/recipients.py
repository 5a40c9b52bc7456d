"""SQL of those who agreed to get mail of sandbox domains."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update

from postwright.kernel.db import Read, Write

from ..tables import sandbox_recipients as recipients


def entries(tx: Read, account_id: str) -> list[tuple[str, bool]]:
    """Addresses and whether they agreed, oldest first."""
    stmt = select(recipients.c.email, recipients.c.activated).where(recipients.c.account_id == account_id)
    rows = tx.rows(stmt.order_by(recipients.c.created_at, recipients.c.email))
    return [(row.email, bool(row.activated)) for row in rows]


def count(tx: Read, account_id: str) -> int:
    """How many an account has."""
    return int(tx.scalar(select(func.count()).where(recipients.c.account_id == account_id)))


def add(tx: Write, account_id: str, email: str, digest: str, now: int) -> bool:
    """Add one who did not agree yet; False when the account has them."""
    values = {
        "account_id": account_id,
        "email": email,
        "activated": False,
        "digest": digest,
        "created_at": now,
    }
    return tx.upsert(recipients, values, ["account_id", "email"]) == 1


def remove(tx: Write, account_id: str, email: str) -> bool:
    """Remove one; False when there is none."""
    mine = (recipients.c.account_id == account_id, recipients.c.email == email)
    return tx.run(delete(recipients).where(*mine)) == 1


def asked(tx: Read, digest: str, since: int) -> str | None:
    """Who was sent the link with that token after a time."""
    asked = (recipients.c.digest == digest, recipients.c.created_at > since)
    found: str | None = tx.scalar(select(recipients.c.email).where(*asked))
    return found


def activate(tx: Write, digest: str) -> bool:
    """They agreed; False when there is no such link."""
    agreed = update(recipients).where(recipients.c.digest == digest)
    return tx.run(agreed.values(activated=True)) == 1


def count_activated(tx: Read, account_id: str, emails: Sequence[str]) -> int:
    """How many of these addresses agreed."""
    mine = (recipients.c.account_id == account_id, recipients.c.activated.is_(True))
    return int(tx.scalar(select(func.count()).where(*mine, recipients.c.email.in_(emails))))
