"""SQL of notices."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from postwright.kernel.db import Read, Write

from .tables import notices


def add(tx: Write, values: Mapping[str, Any]) -> None:
    """Add one."""
    tx.run(insert(notices).values(values))


def due(tx: Read, now: int, limit: int) -> Sequence[Any]:
    """Those whose time has come, oldest first."""
    return tx.rows(select(notices).where(notices.c.due_at <= now).order_by(notices.c.due_at).limit(limit))


def lease(tx: Write, notice_id: str, held: int, until: int) -> bool:
    """Keep others from it until a time; False when its due time is not `held` any more."""
    mine = (notices.c.id == notice_id, notices.c.due_at == held)
    return tx.run(update(notices).where(*mine).values(due_at=until, attempts=notices.c.attempts + 1)) == 1


def postpone(tx: Write, notice_id: str, until: int) -> None:
    """Try it again later."""
    tx.run(update(notices).where(notices.c.id == notice_id).values(due_at=until))


def remove(tx: Write, notice_id: str) -> None:
    """Forget it."""
    tx.run(delete(notices).where(notices.c.id == notice_id))
