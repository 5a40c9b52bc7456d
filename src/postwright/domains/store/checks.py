"""SQL of looks at DNS."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import delete, func, insert, select, update

from postwright.kernel.db import Read, Write

from ..tables import domain_checks, domains

Row = sqlalchemy.Row[Any]


def last_check(tx: Read, domain_id: str) -> Row | None:
    """The newest result."""
    return tx.row(
        select(domain_checks)
        .where(domain_checks.c.domain_id == domain_id)
        .order_by(domain_checks.c.first_at.desc())
        .limit(1)
    )


def add_check(tx: Write, values: Mapping[str, Any], keep: int) -> None:
    """Add a result, and forget all but the newest `keep`."""
    tx.run(insert(domain_checks).values(**values))
    mine = domain_checks.c.domain_id == values["domain_id"]
    oldest = tx.scalar(
        select(domain_checks.c.first_at)
        .where(mine)
        .order_by(domain_checks.c.first_at.desc())
        .offset(keep)
        .limit(1)
    )
    if oldest is not None:
        tx.run(delete(domain_checks).where(mine, domain_checks.c.first_at <= oldest))


def repeat_check(tx: Write, domain_id: str, first_at: int, now: int) -> None:
    """Count the newest result once more."""
    mine = (domain_checks.c.domain_id == domain_id, domain_checks.c.first_at == first_at)
    tx.run(update(domain_checks).where(*mine).values(last_at=now, times=domain_checks.c.times + 1))


def checks_page(tx: Read, domain_id: str, skip: int, limit: int) -> tuple[int, Sequence[Row]]:
    """How many results there are, and a page of them, the newest first."""
    mine = domain_checks.c.domain_id == domain_id
    total = tx.scalar(select(func.count()).select_from(domain_checks).where(mine))
    stmt = select(domain_checks).where(mine).order_by(domain_checks.c.first_at.desc())
    return total, tx.rows(stmt.offset(skip).limit(limit))


def drop_checks(tx: Write, domain_id: str) -> int:
    """Forget some results of a deleted domain; how many."""
    return tx.delete_some(domain_checks, domain_checks.c.domain_id == domain_id)


def due_domains(tx: Read, now: int, limit: int) -> list[str]:
    """Ids of domains whose records are to be looked up."""
    rows = tx.rows(
        select(domains.c.id)
        .where(domains.c.next_check_at <= now)
        .order_by(domains.c.next_check_at)
        .limit(limit)
    )
    return [row.id for row in rows]


def claim_check(tx: Write, domain_id: str, now: int, until: int) -> bool:
    """Take a due look-up, so that no other process does before `until`."""
    due = (domains.c.id == domain_id, domains.c.next_check_at <= now)
    return tx.run(update(domains).where(*due).values(next_check_at=until)) == 1
