"""Numbers for processes, leased from the store, so that row keys made without asking it never collide."""

from sqlalchemy import Column, Table, Text, insert

from .schema import Micros, metadata
from .tx import Write

nodes = Table(
    "nodes",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("role", Text, nullable=False),
    Column("started_at", Micros, nullable=False),
    sqlite_autoincrement=True,
)


def lease_node(tx: Write, role: str, now: int) -> int:
    """A number of 12 bits. It comes again after 4,096 starts, when no row key of its millisecond can."""
    number: int | None = tx.scalar(insert(nodes).values(role=role, started_at=now).returning(nodes.c.id))
    assert number is not None
    return number % 4096
