"""SQL of delivery's own tables."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select

from postwright.kernel.db import Read, Write

from .tables import delivery_processes, suspensions


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


def seen(tx: Write, name: str, now: int) -> None:
    """Note that a delivery process lives."""
    tx.upsert(delivery_processes, {"name": name, "seen_at": now}, ["name"], ["seen_at"])


def gone(tx: Write, name: str, before: int) -> None:
    """Forget a process, and all that were not seen since a time."""
    tx.run(
        delete(delivery_processes).where(
            (delivery_processes.c.name == name) | (delivery_processes.c.seen_at < before)
        )
    )


def living(tx: Read, since: int) -> list[str]:
    """The processes seen since a time, in order of their names."""
    names = select(delivery_processes.c.name).where(delivery_processes.c.seen_at >= since)
    return [row.name for row in tx.rows(names.order_by(delivery_processes.c.name))]
