"""SQL of suppressions."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Table, bindparam, delete, select

from postwright.kernel.db import Prepared, Read, Write
from postwright.kernel.http.paging import Turn

from .tables import allowlist, suppressions

_HELD = Prepared(
    select(suppressions.c.kind, suppressions.c.tags).where(
        suppressions.c.domain_id == bindparam("domain"),
        suppressions.c.address == bindparam("who"),
    ),
    ("domain", "who"),
)


def held(tx: Read, domain_id: str, address: str) -> list[tuple[Any, ...]]:
    """Kind and tags of everything that is held against an address."""
    return tx.fetch(_HELD, (domain_id, address))


def page(tx: Read, domain_id: str, kind: str, turn: Turn, term: str) -> list[Any]:
    """A page of one of the three lists, ascending by address; `term` is how addresses begin."""
    where = [suppressions.c.domain_id == domain_id, suppressions.c.kind == kind]
    return _page(tx, suppressions, suppressions.c.address, where, turn, term)


def allowed_page(tx: Read, domain_id: str, turn: Turn, term: str) -> list[Any]:
    """A page of the allowlist, ascending by value."""
    return _page(tx, allowlist, allowlist.c.value, [allowlist.c.domain_id == domain_id], turn, term)


def _page(tx: Read, table: Table, key: Column[str], where: list[Any], turn: Turn, term: str) -> list[Any]:
    if term:
        where.append(key.startswith(term, autoescape=True))
    if turn.pivot is not None:
        where.append(key < turn.pivot if turn.backwards else key > turn.pivot)
    order = key.desc() if turn.backwards else key
    return turn.in_order(tx.rows(select(table).where(*where).order_by(order).limit(turn.limit)))


def one(tx: Read, domain_id: str, kind: str, address: str) -> Any:
    """One entry, or None."""
    return tx.row(
        select(suppressions).where(
            suppressions.c.domain_id == domain_id,
            suppressions.c.kind == kind,
            suppressions.c.address == address,
        )
    )


def put(tx: Write, rows: Sequence[Mapping[str, Any]], update: Sequence[str]) -> int:
    """Add entries; where one is there, overwrite its columns `update`."""
    return tx.upsert(suppressions, rows, ["domain_id", "kind", "address"], update)


def remove(tx: Write, domain_id: str, kind: str, address: str | None = None) -> int:
    """Delete one entry, or a whole list."""
    stmt = delete(suppressions).where(suppressions.c.domain_id == domain_id, suppressions.c.kind == kind)
    return tx.run(stmt if address is None else stmt.where(suppressions.c.address == address))


def allowed(tx: Read, domain_id: str, value: str) -> Any:
    """One entry of the allowlist, or None."""
    return tx.row(select(allowlist).where(allowlist.c.domain_id == domain_id, allowlist.c.value == value))


def is_allowed(tx: Read, domain_id: str, address: str) -> bool:
    """Whether an address, or its domain, is on the allowlist."""
    values = (address, address.rpartition("@")[2])
    stmt = select(allowlist.c.value).where(allowlist.c.domain_id == domain_id, allowlist.c.value.in_(values))
    return tx.scalar(stmt) is not None


def allow(tx: Write, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add entries to the allowlist, or overwrite them."""
    return tx.upsert(allowlist, rows, ["domain_id", "value"], ["type", "reason", "created_at"])


def disallow(tx: Write, domain_id: str, value: str | None = None) -> int:
    """Delete one entry of the allowlist, or all."""
    stmt = delete(allowlist).where(allowlist.c.domain_id == domain_id)
    return tx.run(stmt if value is None else stmt.where(allowlist.c.value == value))


def forget(tx: Write, domain_id: str) -> int:
    """Delete some entries of a domain; how many."""
    return sum(tx.delete_some(table, table.c.domain_id == domain_id) for table in (suppressions, allowlist))
