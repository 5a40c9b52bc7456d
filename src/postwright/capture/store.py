"""SQL of captured messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select

from postwright.kernel.db import Prepared, Read, Write

from .tables import captured

_FIELDS = ("at", "account_id", "sender", "recipient", "from_", "to", "subject", "message_id", "size", "raw")
_INSERT = Prepared(insert(captured), _FIELDS)
_SUMMARY = [column for column in captured.columns if column.name != "raw"]

# Where a page may be searched for: the name of the query parameter and its column.
FILTERS: Mapping[str, Any] = {
    "recipient": captured.c.recipient,
    "message_id": captured.c.message_id,
}


def add(tx: Write, values: Sequence[Any]) -> None:
    """Add one message, values in the order of the table after `id`."""
    tx.do(_INSERT, values)


def page(
    tx: Read, account_id: str, before: int, limit: int, exact: Mapping[str, str], term: str
) -> Sequence[Any]:
    """The newest messages of the account below number `before` (0: the newest of all)."""
    stmt = select(*_SUMMARY).where(*_matching(account_id, exact, term))
    if before > 0:
        stmt = stmt.where(captured.c.id < before)
    return tx.rows(stmt.order_by(captured.c.id.desc()).limit(limit))


def count(tx: Read, account_id: str, exact: Mapping[str, str], term: str) -> int:
    """How many messages of the account match."""
    return int(tx.scalar(select(func.count()).where(*_matching(account_id, exact, term))))


def _matching(account_id: str, exact: Mapping[str, str], term: str) -> list[ColumnElement[bool]]:
    conditions = [captured.c.account_id == account_id]
    conditions += [FILTERS[name] == value for name, value in exact.items()]
    if term:
        conditions.append(_contains(term))
    return conditions


def _contains(term: str) -> ColumnElement[bool]:
    columns = (captured.c.recipient, captured.c.subject, captured.c.from_)
    return or_(*(column.icontains(term, autoescape=True) for column in columns))


def one(tx: Read, account_id: str, key: int) -> Any:
    """One message with its bytes, or None."""
    return tx.row(select(captured).where(captured.c.id == key, captured.c.account_id == account_id))


def remove(tx: Write, account_id: str, key: int | None = None) -> int:
    """Delete one message, or all; how many."""
    stmt = delete(captured).where(captured.c.account_id == account_id)
    return tx.run(stmt if key is None else stmt.where(captured.c.id == key))


def trim(tx: Write, keep: int, keep_size: int) -> int:
    """Delete the oldest beyond the newest `keep` messages, or beyond `keep_size` bytes; how many."""
    newest = tx.scalar(select(func.max(captured.c.id))) or 0
    together = func.sum(captured.c.size).over(order_by=captured.c.id.desc())
    sizes = select(captured.c.id, together.label("together")).subquery()
    too_old = tx.scalar(select(func.max(sizes.c.id)).where(sizes.c.together > keep_size)) or 0
    return tx.run(delete(captured).where(captured.c.id <= max(newest - keep, too_old)))
