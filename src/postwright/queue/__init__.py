"""What will happen to each recipient: rows due at a time.

Table: `queue`, one row for a recipient that is not finished. States: queued -> leased -> (gone | queued).
Invariants: a lease has a token and an end; every transition out of `leased` compares the token (compare-and-set),
so a worker that lost its lease cannot finish what another has taken over. An expired lease returns the row with
its attempts unchanged; where an attempt had begun, after a pause, because its outcome is unknown. A finished
recipient leaves the queue in the transaction that appends its event.
"""

from .service import (
    LEASE_SECONDS,
    Item,
    NewItem,
    add,
    any_due,
    claim,
    defer,
    finish,
    purge,
    recover,
    release_all,
    start,
    waiting,
)

__all__ = [
    "LEASE_SECONDS",
    "Item",
    "NewItem",
    "add",
    "any_due",
    "claim",
    "defer",
    "finish",
    "purge",
    "recover",
    "release_all",
    "start",
    "waiting",
]
