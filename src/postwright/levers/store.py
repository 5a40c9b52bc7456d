"""SQL of standing rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select

from postwright.kernel.db import Prepared, Read, Write

from .tables import lever_rules

_ALL = Prepared(select(*lever_rules.columns).order_by(lever_rules.c.id), ())


def every(tx: Read) -> list[tuple[Any, ...]]:
    """All rules, the oldest first."""
    return tx.fetch(_ALL, ())


def count(tx: Read) -> int:
    """How many there are."""
    return int(tx.scalar(select(func.count()).select_from(lever_rules)))


def of_id(tx: Read, key: int) -> Any:
    """One rule, or None."""
    return tx.row(select(lever_rules).where(lever_rules.c.id == key))


def stands(tx: Write, key: int) -> bool:
    """Whether a rule is still there, and until our commit it is: who ends it waits for us."""
    held = select(lever_rules.c.id).where(lever_rules.c.id == key)
    return tx.scalar(held.with_for_update(read=True, key_share=True)) is not None


def add(tx: Write, values: Mapping[str, Any]) -> int:
    """Add a rule; its number."""
    key: int | None = tx.scalar(insert(lever_rules).values(values).returning(lever_rules.c.id))
    assert key is not None
    return key


def remove(tx: Write, key: int) -> int:
    """Delete a rule."""
    return tx.run(delete(lever_rules).where(lever_rules.c.id == key))


def same(tx: Read, kind: str, owner: str, filter: bytes, target: bytes) -> Sequence[Any]:
    """Rules that say just this already."""
    return tx.rows(
        select(lever_rules).where(
            lever_rules.c.kind == kind,
            lever_rules.c.owner == owner,
            lever_rules.c.filter == filter,
            lever_rules.c.target == target,
        )
    )
