"""Numbers for processes, leased from the store, so that row keys made without asking it never collide."""

import msgspec
from sqlalchemy import Column, Table, Text, delete, func, insert, select, update

from .schema import Micros, metadata
from .tx import Read, Write

NODES = 4096  # processes that can be told apart at one time
BEAT_SECONDS = 5.0
ALIVE_SECONDS = 20.0  # a process that did not beat for so long is dead, or as good as

nodes = Table(
    "nodes",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("role", Text, nullable=False),
    Column("started_at", Micros, nullable=False),
    Column("seen_at", Micros, nullable=False, server_default="0"),  # the last beat; 0: it ended in order
    Column("host", Text, nullable=False, server_default=""),  # the machine it runs on
    Column("version", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)


def lease_node(tx: Write, role: str, now: int, host: str = "", version: str = "") -> int:
    """A number of 12 bits. It comes again after 4,096 starts, when no row key of its millisecond can."""
    values = {"role": role, "started_at": now, "host": host, "version": version}
    number: int | None = tx.scalar(insert(nodes).values(values).returning(nodes.c.id))
    assert number is not None
    return number % NODES


def beat(tx: Write, node: int, now: int) -> None:
    """Note that the process that leased `node` lives; `now` 0: that it ends in order."""
    newest = select(func.max(nodes.c.id)).where(nodes.c.id % NODES == node).scalar_subquery()
    tx.run(update(nodes).where(nodes.c.id == newest).values(seen_at=now))


def last_beat(tx: Read, role: str) -> int:
    """When a process of `role` was last known to live, in microseconds; 0: never, or all ended in order."""
    return tx.scalar(select(func.max(nodes.c.seen_at)).where(nodes.c.role == role)) or 0


def living(tx: Read, role: str, now: int) -> list[int]:
    """The numbers of the processes of `role` that live, oldest first."""
    alive = (nodes.c.role == role) & (nodes.c.seen_at > now - int(ALIVE_SECONDS * 1_000_000))
    return [row.id % NODES for row in tx.rows(select(nodes.c.id).where(alive).order_by(nodes.c.id))]


def beats(tx: Read, role: str, since: int) -> dict[int, int]:
    """The last beats after `since` (microseconds) of processes of `role`, by their numbers."""
    recent = (nodes.c.role == role) & (nodes.c.seen_at > since)
    found = tx.rows(select(nodes.c.id, nodes.c.seen_at).where(recent).order_by(nodes.c.id))
    return {row.id % NODES: row.seen_at for row in found}


class Node(msgspec.Struct, frozen=True):
    """A process of the installation."""

    role: str
    host: str
    version: str
    started_at: int  # microseconds
    seen_at: int


def nodes_alive(tx: Read, now: int) -> list[Node]:
    """All processes that live, oldest first."""
    alive = nodes.c.seen_at > now - int(ALIVE_SECONDS * 1_000_000)
    columns = (nodes.c.role, nodes.c.host, nodes.c.version, nodes.c.started_at, nodes.c.seen_at)
    found = tx.rows(select(*columns).where(alive).order_by(nodes.c.id))
    return [Node(row.role, row.host, row.version, row.started_at, row.seen_at) for row in found]


def forget_nodes(tx: Write, before: int) -> int:
    """Delete processes that started, and were last seen, before a time (microseconds); how many."""
    return tx.run(delete(nodes).where(nodes.c.started_at < before, nodes.c.seen_at < before))
