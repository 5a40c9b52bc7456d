"""What a clock that is moved must not break: leases and signs of life are of the machine's time, due times are not."""

from sqlalchemy import Integer, Table, func, literal_column, select, update

from .nodes import nodes
from .schema import metadata
from .tx import Read, Write

# Literals, as in the indexes of these tables.
_QUEUED = literal_column("0", Integer)
_LEASED = literal_column("1", Integer)


def leave_behind(tx: Write, micros: int) -> None:
    """Let what is leased stay leased, and who lives stay alive, when the clock is about to move by `micros`."""
    for table in _tables():
        leased = update(table).where(table.c.state == _LEASED)
        tx.run(leased.values(lease_until=table.c.lease_until + micros))
    tx.run(update(nodes).where(nodes.c.seen_at > 0).values(seen_at=nodes.c.seen_at + micros))


def next_due(tx: Read, after: int) -> int | None:
    """When the next thing is due that waits for its time (after `after`), in microseconds; None: nothing waits."""
    times = [
        tx.scalar(select(func.min(table.c.due_at)).where(table.c.state == _QUEUED, table.c.due_at > after))
        for table in _tables()
    ]
    return min((at for at in times if at), default=None)


def _tables() -> list[Table]:
    """The tables of things that are due at a time and are leased to be done."""
    return [table for table in metadata.tables.values() if _waits(table)]


def _waits(table: Table) -> bool:
    names = {column.name for column in table.columns}
    return {"due_at", "lease_until", "state"} <= names and isinstance(table.c.state.type, Integer)
