"""SQL of message bytes."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, select

from postwright.kernel.db import Prepared, Read, Write

from .tables import bodies

_INSERT = Prepared(insert(bodies), ("id", "file", "data"))
_GET = Prepared(select(bodies.c.file, bodies.c.data).where(bodies.c.id == bindparam("key")), ("key",))


def insert_body(tx: Write, key: int, file: str, data: bytes) -> None:
    """Add one body."""
    tx.do(_INSERT, (key, file, data))


def get(tx: Read, key: int) -> tuple[str, bytes] | None:
    """File name and bytes of one body, or None."""
    rows = tx.fetch(_GET, (key,))
    return (rows[0][0], rows[0][1]) if rows else None


def files(tx: Read, keys: Sequence[int]) -> list[str]:
    """The files of bodies that have one."""
    rows = tx.rows(select(bodies.c.file).where(bodies.c.id.in_(keys), bodies.c.file != ""))
    return [row.file for row in rows]


def remove(tx: Write, keys: Sequence[int]) -> None:
    """Delete bodies."""
    tx.run(delete(bodies).where(bodies.c.id.in_(keys)))


def known_files(tx: Read, names: Sequence[str]) -> set[str]:
    """Which of `names` some body refers to."""
    return {row.file for row in tx.rows(select(bodies.c.file).where(bodies.c.file.in_(names)))}


def count_files(tx: Read) -> int:
    """How many bodies have a file."""
    return int(tx.scalar(select(func.count()).select_from(bodies).where(bodies.c.file != "")))


def files_after(tx: Read, key: int, limit: int) -> list[tuple[int, str]]:
    """Number and file of the next bodies that have one."""
    chosen = select(bodies.c.id, bodies.c.file).where(bodies.c.id > key, bodies.c.file != "")
    return [(row.id, row.file) for row in tx.rows(chosen.order_by(bodies.c.id).limit(limit))]
