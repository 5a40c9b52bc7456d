"""Append to the log, read it by cursor, expire it."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import event_id

from . import store
from .records import Event

PIECE = 50  # events: one of a message to a thousand people may take 100 KB

_encode = msgspec.json.Encoder().encode


def append(tx: Write, now: int, events: Iterable[Event]) -> None:
    """Append `events` at the time `now` (microseconds), or at that of the newest one when that is later.

    Many processes append, each with a clock it read before it came to its turn. Readers that page through the log
    by time would pass over an event that is put behind them.
    """
    store.lock(tx)
    now = max(now, store.newest_time(tx))
    rows = []
    for event in events:
        name = event_id()
        wire = {
            "event": event.name,
            "id": name,
            "timestamp": now / SECOND,
            "log-level": event.level,
            **event.data,
        }
        if event.severity:
            wire["severity"] = event.severity
        rows.append(
            (
                name,
                now,
                event.account_id,
                event.domain_id,
                event.name,
                event.severity,
                event.recipient.lower(),
                event.message_id.lower(),
                _encode(wire),
            )
        )
    store.insert_rows(tx, rows)


class Entry(msgspec.Struct):
    """One event as read back."""

    seq: int
    at: int
    account_id: str
    domain_id: str
    name: str
    severity: str
    data: bytes


def read(tx: Read, after: int, limit: int, size: int | None = None) -> list[Entry]:
    """The next `limit` events behind position `after`, in order; fewer as soon as they hold `size` bytes.

    `size` is passed by less than `PIECE` events: that many are fetched at once.
    """
    if size is None:
        return [Entry(*row) for row in store.after(tx, after, limit)]
    found: list[Entry] = []
    while len(found) < limit and size > 0:
        piece = read(tx, after, min(PIECE, limit - len(found)))
        found += piece
        if len(piece) < PIECE:
            break
        size -= sum(len(entry.data) for entry in piece)
        after = piece[-1].seq
    return found


def names_after(tx: Read, after: int, limit: int) -> list[tuple[int, str, str]]:
    """Position, account and name of the next `limit` events behind position `after`, in order."""
    return store.names_after(tx, after, limit)


def of_recipient(
    tx: Read, domain_id: str, recipient: str, *, since: int, names: Sequence[str], limit: int = 1000
) -> list[Entry]:
    """What happened to a recipient's messages from `since` (microseconds) on, oldest first."""
    return [Entry(*row) for row in store.of_recipient(tx, domain_id, recipient.lower(), since, names, limit)]


def of_message(
    tx: Read,
    domain_id: str,
    message_id: str,
    *,
    names: Sequence[str],
    recipient: str = "",
    limit: int = 2000,
) -> list[Entry]:
    """What happened to a message (id without brackets), oldest first; only to `recipient` when that is given."""
    rows = store.of_message(tx, domain_id, message_id.lower(), names, limit, recipient.lower())
    return [Entry(*row) for row in rows]


def of_copy(tx: Read, domain_id: str, message_id: str, recipient: str) -> list[tuple[str, int, bytes]]:
    """Name, time and JSON of `accepted` and `delivered` of one recipient's copy: cheap, for each hit of a link."""
    rows = store.copy(tx, domain_id, message_id.lower(), recipient.lower(), 10)
    return [(name, at, data) for name, at, data in rows]


def hold(tx: Write) -> None:
    """Let nobody else append until this transaction ends: for looking whether an event is there already."""
    store.lock(tx)


def head(tx: Read) -> int:
    """The position of the newest event, 0 when there is none."""
    return store.newest(tx)


def oldest(tx: Read) -> tuple[int, int] | None:
    """Time and position of the first event that the log still has. None: there is none."""
    return store.oldest(tx)


def expire(tx: Write, before: int, upto: int, limit: int = 5000) -> int:
    """Delete up to `limit` events older than `before` (microseconds), none behind position `upto`; how many.

    The oldest go first: what is left is always the end of the log without gaps.
    """
    return store.delete_before(tx, before, upto, limit)


def expire_domain(tx: Write, domain_id: str, before: int, limit: int = 5000) -> int:
    """Delete up to `limit` events of a domain older than `before` (microseconds); how many."""
    return store.delete_domain_before(tx, domain_id, before, limit)


def forget_person(tx: Write, account_id: str, address: str, instead: str, limit: int = 500) -> int:
    """Delete up to `limit` events of an account about `address`, and write `instead` where others mention it.

    How many events it changed; none, when all is done.
    """
    pattern = re.compile(re.escape(address.encode()), re.IGNORECASE)
    found = store.holding(tx, account_id, address.encode(), limit)
    gone = []
    for seq, recipient, data in found:
        listed = msgspec.json.decode(data).get("message", {}).get("recipients") or ()
        if recipient == address or address in (str(each).lower() for each in listed):
            gone.append(seq)
        else:
            store.set_data(tx, seq, pattern.sub(instead.encode(), data))
    store.delete_rows(tx, gone)
    return len(found)


def forget_domain(tx: Write, domain_id: str, limit: int = 5000) -> int:
    """Delete up to `limit` events of a deleted domain; how many it deleted."""
    return store.delete_domain(tx, domain_id, limit)
