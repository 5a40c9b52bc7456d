"""SQL of the delivery journal."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select

from postwright.kernel.db import Prepared, Read, Write

from .tables import attempts

_INSERT = Prepared(insert(attempts), ("message", "domain_id", "at", "recipient", "data"))
_LAST = Prepared(
    select(attempts.c.at, attempts.c.data)
    .where(attempts.c.message == bindparam("number"), attempts.c.recipient == bindparam("who"))
    .order_by(attempts.c.id.desc())
    .limit(bindparam("count")),
    ("number", "who", "count"),
)


def add(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Append records."""
    tx.do_many(_INSERT, rows)


def page(
    tx: Read,
    numbers: Sequence[int],
    recipient: str | None,
    *,
    after: int | None,
    before: int | None,
    limit: int,
) -> Sequence[Any]:
    """Up to `limit` records of messages: those behind `after` rising, or those before `before` falling."""
    stmt = select(attempts).where(attempts.c.message.in_(numbers))
    if recipient is not None:
        stmt = stmt.where(attempts.c.recipient == recipient)
    if before is not None:
        return tx.rows(stmt.where(attempts.c.id < before).order_by(attempts.c.id.desc()).limit(limit))
    return tx.rows(stmt.where(attempts.c.id > (after or 0)).order_by(attempts.c.id).limit(limit))


def last(tx: Read, number: int, recipient: str, count: int) -> list[tuple[int, bytes]]:
    """Time and data of the newest records about a recipient, the newest first."""
    return [(row[0], row[1]) for row in tx.fetch(_LAST, (number, recipient, count))]


def delete_before(tx: Write, before: int, limit: int) -> int:
    """Delete the oldest records, in the order they were written, which is nearly that of time."""
    oldest = select(attempts.c.id, attempts.c.at).order_by(attempts.c.id).limit(limit).subquery()
    return tx.run(delete(attempts).where(attempts.c.id.in_(select(oldest.c.id).where(oldest.c.at < before))))


def newest(tx: Read) -> int:
    """The largest number, or 0."""
    return tx.scalar(select(func.max(attempts.c.id))) or 0


def delete_domain(tx: Write, domain_id: str, after: int, limit: int) -> int:
    """Delete a domain's among the next `limit` records behind `after`; the last one looked at, 0 at the end."""
    ids = select(attempts.c.id).where(attempts.c.id > after).order_by(attempts.c.id).limit(limit)
    last: int | None = tx.scalar(select(func.max(ids.subquery().c.id)))
    if last is None:
        return 0
    tx.run(
        delete(attempts).where(
            attempts.c.id > after, attempts.c.id <= last, attempts.c.domain_id == domain_id
        )
    )
    return last
