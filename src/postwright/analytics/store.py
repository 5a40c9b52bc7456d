"""SQL of retentions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select

from postwright.accounts import accounts
from postwright.kernel.db import Read, Write

from .tables import retentions


def all_of_them(tx: Read) -> list[tuple[str, str, int]]:
    """Owner, kind and days of every retention that differs from the installation's; a plan is for subaccounts too."""
    own = select(retentions.c.owner_id, retentions.c.kind, retentions.c.days)
    below = select(accounts.c.id, retentions.c.kind, retentions.c.days).join(
        retentions, retentions.c.owner_id == accounts.c.parent_id
    )
    rows: Sequence[Any] = [*tx.rows(own), *tx.rows(below)]
    return [(owner, kind, days) for owner, kind, days in rows]


def days(tx: Read, owner_id: str) -> int | None:
    """The days of an owner; None: the usual."""
    found: int | None = tx.scalar(select(retentions.c.days).where(retentions.c.owner_id == owner_id))
    return found


def put(tx: Write, owner_id: str, kind: str, days: int) -> None:
    """Set the days of an owner; 0: the usual."""
    if days:
        tx.upsert(retentions, {"owner_id": owner_id, "kind": kind, "days": days}, ["owner_id"], ["days"])
    else:
        forget(tx, owner_id)


def forget(tx: Write, owner_id: str) -> int:
    """Let go of what an owner has; how many rows."""
    return tx.run(delete(retentions).where(retentions.c.owner_id == owner_id))
