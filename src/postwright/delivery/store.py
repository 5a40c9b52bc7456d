"""SQL of delivery's own tables."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select

from postwright.kernel.db import Read, Write

from .tables import suspensions


def active(tx: Read, now: int, limit: int) -> Sequence[Any]:
    """The suspensions that hold at `now`, oldest first."""
    return tx.rows(
        select(suspensions).where(suspensions.c.until > now).order_by(suspensions.c.id).limit(limit)
    )


def put(tx: Write, values: dict[str, Any]) -> None:
    """Add a suspension, or bring the one of the same scope and rule up to date."""
    tx.upsert(
        suspensions, values, ["site", "source", "account_id", "rule"], ["limits", "reason", "since", "until"]
    )


def end(tx: Write, key: int) -> int:
    """Remove a suspension."""
    return tx.run(delete(suspensions).where(suspensions.c.id == key))


def forget(tx: Write, before: int) -> int:
    """Remove suspensions that ended before a time."""
    return tx.run(delete(suspensions).where(suspensions.c.until < before))
