"""Access to the one store, SQLite or PostgreSQL, through one interface.

`Db.write(fn, …)` runs the synchronous function `fn(tx, …)` in a transaction and returns after it is durable.
Calls that wait at the same time share one transaction and one sync to disk (group commit); each has its own
savepoint, so that one which raises takes back only its own work. `Db.read(fn, …)` gives a consistent snapshot.
Because `fn` is not a coroutine, no network can happen inside a transaction.
"""

from .core import Db, StoreFull, StoreUnavailable, open_db, unavailable
from .erase import erase_owned
from .facts import fact, settle
from .leading import LEAD_SECONDS, RENEW_SECONDS, lead, resign
from .moving import leave_behind, next_due
from .nodes import (
    ALIVE_SECONDS,
    BEAT_SECONDS,
    Node,
    beat,
    beats,
    forget_nodes,
    last_beat,
    lease_node,
    living,
    nodes_alive,
)
from .schema import Micros, metadata
from .tx import Change, Prepared, Read, Write

__all__ = [
    "ALIVE_SECONDS",
    "BEAT_SECONDS",
    "LEAD_SECONDS",
    "RENEW_SECONDS",
    "Change",
    "Db",
    "Micros",
    "Node",
    "Prepared",
    "Read",
    "StoreFull",
    "StoreUnavailable",
    "Write",
    "beat",
    "beats",
    "erase_owned",
    "fact",
    "forget_nodes",
    "last_beat",
    "lead",
    "lease_node",
    "leave_behind",
    "living",
    "metadata",
    "next_due",
    "nodes_alive",
    "open_db",
    "resign",
    "settle",
    "unavailable",
]
