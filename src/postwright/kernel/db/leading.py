"""Who of several processes does what one of them should do: the holder of a lease in the store.

A lease saves work; it proves nothing. A process that was stopped for longer than its lease may come back and find
another at work, so that whatever is done under one must be safe to do twice at a time.
"""

from typing import Final

from sqlalchemy import Column, Integer, Table, Text, delete, or_, update

from .schema import Micros, metadata
from .tx import Write

LEAD_SECONDS: Final = 6.0  # so long nobody does it after its holder died
RENEW_SECONDS: Final = 2.0

leaders = Table(
    "leaders",
    metadata,
    Column("name", Text, primary_key=True),
    Column("node", Integer, nullable=False),
    Column("until", Micros, nullable=False),
)


def lead(tx: Write, name: str, node: int, now: int) -> bool:
    """Take or renew the lease `name` for process `node`; whether it has it now."""
    until = now + int(LEAD_SECONDS * 1_000_000)
    free = or_(leaders.c.node == node, leaders.c.until < now)
    if tx.run(update(leaders).where(leaders.c.name == name, free).values(node=node, until=until)):
        return True
    return bool(tx.upsert(leaders, {"name": name, "node": node, "until": until}, ["name"]))


def resign(tx: Write, name: str, node: int) -> None:
    """Give the lease back, if it is ours."""
    tx.run(delete(leaders).where(leaders.c.name == name, leaders.c.node == node))
