"""Write the journal, read it, let it go."""

from collections.abc import Iterable
from typing import Any

import msgspec

from postwright import events, messages, queue
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.errors import Refused
from postwright.kernel.secrets import Vault

from . import store
from .records import Record, decode, encode

# Accepted events looked at for the messages behind one Message-Id: one for each recipient, as a rule of one message.
MAX_EVENTS = 2000
EXPIRE = 5000


class MessageNotFound(Refused):
    """The domain has no such message, or its events are over."""

    status = 404
    message = "Message not found"


def note(tx: Write, now: int, item: queue.Item, record: Record) -> None:
    """Append what happened to a recipient, in the transaction that makes it so."""
    store.add(tx, [(item.message, item.domain_id, now, item.recipient.lower(), encode(record))])


def note_all(tx: Write, now: int, pairs: Iterable[tuple[queue.Item | queue.Waiting, Record]]) -> None:
    """`note` for many."""
    store.add(
        tx,
        [
            (item.message, item.domain_id, now, item.recipient.lower(), encode(record))
            for item, record in pairs
        ],
    )


class _Storage(msgspec.Struct):
    key: str = ""


class _Accepted(msgspec.Struct):
    storage: _Storage = msgspec.field(default_factory=_Storage)


_decode_accepted = msgspec.json.Decoder(_Accepted).decode


def numbers(tx: Read, vault: Vault, domain_id: str, message_id: str) -> list[int]:
    """The numbers of a domain's messages with this Message-Id, nearly always one. Raises MessageNotFound."""
    wanted = message_id.strip("<> ").lower()
    found = events.of_message(tx, domain_id, wanted, names=("accepted",), limit=MAX_EVENTS)
    keys = dict.fromkeys(_decode_accepted(entry.data).storage.key for entry in found)
    known = [number for key in keys if (number := messages.number_of(vault, key)) is not None]
    if not known:
        raise MessageNotFound
    return known


def page(
    tx: Read,
    vault: Vault,
    domain_id: str,
    message_id: str,
    recipient: str | None,
    *,
    after: int | None,
    before: int | None,
    limit: int,
) -> list[tuple[Any, Record]]:
    """Rows and records of a message, in the order they were written. Raises MessageNotFound."""
    found = numbers(tx, vault, domain_id, message_id)
    who = recipient.lower() if recipient else None
    rows = store.page(tx, found, who, after=after, before=before, limit=limit)
    if before is not None:
        rows = list(reversed(rows))
    return [(row, decode(row.data)) for row in rows]


def last(tx: Read, number: int, recipient: str, count: int = 20) -> list[tuple[int, Record]]:
    """The newest records about a recipient, the newest first, each with its time."""
    return [(at, decode(data)) for at, data in store.last(tx, number, recipient.lower(), count)]


def expire(tx: Write, before: int) -> int:
    """Delete some records older than `before` (microseconds); how many."""
    return store.delete_before(tx, before, EXPIRE)


async def forget_domain(db: Db, domain_id: str) -> None:
    """Delete a deleted domain's records, a piece of the journal at a time."""
    end = await db.read(store.newest)
    at = 0
    while at < end:
        at = await db.write(store.delete_domain, domain_id, at, EXPIRE)
        if not at:
            return
