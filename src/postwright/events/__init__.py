"""The one log of everything that happened to messages.

Tables: `events` (append only, until retention), `cursors` (how far each reader has come).
Invariants: `seq` is commit order: a reader that saw seq N never sees a smaller one appear later. `(at, seq)` is
that same order, so that a page of events in time order never gets a late entry before its end. Everything a
customer sees of the past is made from these rows by readers with cursors of their own; nobody is called.
"""

from .log import (
    Entry,
    append,
    expire,
    expire_domain,
    forget_domain,
    forget_person,
    head,
    hold,
    names_after,
    of_copy,
    of_message,
    of_recipient,
    oldest,
    read,
)
from .projection import Batch, Projection, look
from .records import EVENT_NAMES, WEBHOOK_TYPES, Event, webhook_type
from .store import count_accepted
from .tables import events as events_table

__all__ = [
    "EVENT_NAMES",
    "WEBHOOK_TYPES",
    "Batch",
    "Entry",
    "Event",
    "Projection",
    "append",
    "count_accepted",
    "events_table",
    "expire",
    "expire_domain",
    "forget_domain",
    "forget_person",
    "head",
    "hold",
    "look",
    "names_after",
    "of_copy",
    "of_message",
    "of_recipient",
    "oldest",
    "read",
    "webhook_type",
]
