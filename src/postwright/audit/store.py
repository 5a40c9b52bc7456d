"""SQL of the audit log."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select

from postwright.kernel.db import Read, Write

from .tables import audit


def add(tx: Write, values: Mapping[str, Any]) -> None:
    """Append one record."""
    tx.run(insert(audit).values(values))


def page(
    tx: Read,
    account_id: str,
    exact: Mapping[str, str],
    *,
    low: int | None,
    high: int | None,
    before: int | None,
    after: int | None,
    limit: int,
) -> Sequence[Any]:
    """Up to `limit` records of an account: the newest below number `before`, or the oldest above `after`."""
    stmt = select(audit).where(audit.c.account_id == account_id)
    stmt = stmt.where(*(audit.c[name] == value for name, value in exact.items()))
    if low is not None:
        stmt = stmt.where(audit.c.at >= low)
    if high is not None:
        stmt = stmt.where(audit.c.at <= high)
    if before is not None:
        stmt = stmt.where(audit.c.id < before)
    if after is not None:
        return tx.rows(stmt.where(audit.c.id > after).order_by(audit.c.id).limit(limit))
    return tx.rows(stmt.order_by(audit.c.id.desc()).limit(limit))


def newest(tx: Read) -> int:
    """The largest number, or 0."""
    return tx.scalar(select(func.max(audit.c.id))) or 0


def actions_after(tx: Read, number: int, limit: int) -> list[tuple[int, str, str]]:
    """Number, account and action of the records behind `number`."""
    columns = (audit.c.id, audit.c.account_id, audit.c.action)
    rows = tx.rows(select(*columns).where(audit.c.id > number).order_by(audit.c.id).limit(limit))
    return [tuple(row) for row in rows]


def delete_before(tx: Write, before: int, limit: int) -> int:
    """Delete the oldest records."""
    old = select(audit.c.id).where(audit.c.at < before).order_by(audit.c.at).limit(limit)
    return tx.run(delete(audit).where(audit.c.id.in_(old)))
