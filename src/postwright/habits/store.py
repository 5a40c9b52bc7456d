"""SQL of habits."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select, tuple_

from postwright.kernel.db import Prepared, Read, Write

from .tables import habits

_ONE = Prepared(
    select(habits.c.zone, habits.c.hours).where(
        habits.c.account_id == bindparam("account"), habits.c.recipient == bindparam("who")
    ),
    ("account", "who"),
)
_VALUES = ("zone", "hours", "seen_at")


def one(tx: Read, account_id: str, recipient: str) -> tuple[str, bytes] | None:
    """Zone and counters of a recipient."""
    rows = tx.fetch(_ONE, (account_id, recipient))
    return (rows[0][0], rows[0][1]) if rows else None


def some(tx: Read, account_id: str, recipients: Sequence[str]) -> list[tuple[str, str, bytes]]:
    """Name, zone and counters of those recipients that are known."""
    stmt = select(habits.c.recipient, habits.c.zone, habits.c.hours).where(
        habits.c.account_id == account_id, habits.c.recipient.in_(recipients)
    )
    return [(row.recipient, row.zone, row.hours) for row in tx.rows(stmt)]


def put(tx: Write, account_id: str, recipient: str, zone: str, hours: bytes, seen_at: int) -> None:
    """Write a recipient's row."""
    row = {
        "account_id": account_id,
        "recipient": recipient,
        "zone": zone,
        "hours": hours,
        "seen_at": seen_at,
    }
    tx.upsert(habits, row, ["account_id", "recipient"], _VALUES)


def delete_before(tx: Write, before: int, limit: int) -> int:
    """Delete rows of people not seen since."""
    key = tuple_(habits.c.account_id, habits.c.recipient)
    old = select(habits.c.account_id, habits.c.recipient).where(habits.c.seen_at < before).limit(limit)
    return tx.run(delete(habits).where(key.in_(old)))
