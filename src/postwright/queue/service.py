"""The queue's rules: add, claim, finish, defer, recover."""

from collections.abc import Iterable

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import url_token

from . import store

# Longer than connecting, greeting and EHLO may take together; extended while a message is being sent
# (delivery-engineering.md 1.5).
LEASE_SECONDS = 15 * 60
# An expired lease means that a worker died; whatever killed it gets a pause before it can happen again.
RECOVERY_SECONDS = 5 * 60
FOREVER = 1 << 62


class NewItem(msgspec.Struct, frozen=True):
    """A recipient to deliver to."""

    id: int
    message: int
    recipient: str
    site: str
    personal: bytes = b""


class Item(msgspec.Struct, frozen=True):
    """A leased recipient. Times in microseconds."""

    id: int
    message: int
    account_id: str
    domain_id: str
    recipient: str
    site: str
    accepted_at: int
    give_up_at: int
    attempts: int  # finished attempts so far
    token: str
    last_code: int
    last_reply: str
    personal: bytes


def add(
    tx: Write,
    items: Iterable[NewItem],
    *,
    account_id: str,
    domain_id: str,
    accepted_at: int,
    due_at: int,
    give_up_at: int,
) -> None:
    """Queue recipients, due at `due_at`, given up at `give_up_at`."""
    store.insert_rows(
        tx,
        [
            (
                item.id,
                item.message,
                account_id,
                domain_id,
                item.recipient,
                item.site,
                0,
                due_at,
                accepted_at,
                give_up_at,
                0,
                0,
                "",
                0,
                0,
                "",
                item.personal,
            )
            for item in items
        ],
    )


def claim(tx: Write, now: int, count: int) -> list[Item]:
    """Lease up to `count` due recipients to the caller, oldest due first."""
    rows = store.claim(tx, now, now + LEASE_SECONDS * SECOND, url_token(9), count)
    return [Item(*row) for row in rows]


def finish(tx: Write, item: Item) -> bool:
    """Take a recipient off the queue for good. False: the lease is lost, nothing may be recorded."""
    return store.finish(tx, item.id, item.token)


def start(tx: Write, item: Item, now: int) -> bool:
    """Note, before anything is sent, that an attempt begins. False: the lease is lost, do not send."""
    return store.start(tx, item.id, item.token, now + LEASE_SECONDS * SECOND)


def any_due(tx: Read, now: int) -> bool:
    """Whether there is anything to claim; cheap, for polling."""
    return store.any_due(tx, now)


def defer(tx: Write, item: Item, *, due_at: int, attempts: int, code: int = 0, reply: str = "") -> bool:
    """Try again at `due_at`. False: the lease is lost, nothing may be recorded."""
    return store.defer(tx, item.id, item.token, due_at, attempts, code, reply)


def recover(tx: Write, now: int, ambiguous_seconds: float) -> int:
    """Return expired leases to the queue, attempts unchanged; how many.

    Where an attempt had begun its outcome is unknown: the receiver may have the message. Those wait
    `ambiguous_seconds` (delivery-engineering.md 1.3).
    """
    wait = max(RECOVERY_SECONDS, ambiguous_seconds)
    return store.recover(tx, now, now + RECOVERY_SECONDS * SECOND, now + int(wait * SECOND))


def release_all(tx: Write, now: int, ambiguous_seconds: float) -> int:
    """Return every lease, because nobody who could hold one is alive; how many."""
    return store.recover(tx, FOREVER, now, now + int(ambiguous_seconds * SECOND))


def purge(tx: Write, domain_id: str, limit: int = 1000) -> int:
    """Delete up to `limit` of a domain's recipients that are not being delivered right now; how many."""
    return store.purge(tx, domain_id, limit)


def waiting(tx: Read, domain_id: str, now: int) -> tuple[int, int]:
    """How many recipients of a domain are due, and how many are scheduled for later."""
    return store.waiting(tx, domain_id, now)
