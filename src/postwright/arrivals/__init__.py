"""Mail that came in: what is known of it, and who may do something with it.

Table: `inbound_jobs`, one row for each recipient of a received message that nobody has dealt with yet. A row is
written in the transaction that stores the message, before the sender gets its 250, and goes in the transaction that
holds what its handlers made of it: a message is handled exactly once as far as the store is concerned, whatever dies.
Leases are compared and set as in `queue`.

This folder holds the words that the door (`inbound`) and the handlers (lists, routes, forwards, reports) share, so
that neither imports the other. `apps/receiving.py` has the one list of handlers.
"""

from .jobs import Job, add, any_due, claim, defer, finish, forget_domain, recover
from .records import (
    Arrival,
    Attached,
    Effect,
    Handler,
    Head,
    Spam,
    Target,
    TryLater,
    Verdict,
    decode_arrival,
    encode_arrival,
)

__all__ = [
    "Arrival",
    "Attached",
    "Effect",
    "Handler",
    "Head",
    "Job",
    "Spam",
    "Target",
    "TryLater",
    "Verdict",
    "add",
    "any_due",
    "claim",
    "decode_arrival",
    "defer",
    "encode_arrival",
    "finish",
    "forget_domain",
    "recover",
]
