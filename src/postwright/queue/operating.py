"""What operators see of the queue, and what they do to it."""

from collections.abc import Iterable, Sequence
from enum import IntEnum

import msgspec

from postwright.kernel.db import Read, Write

from .service import Item
from .store import operating as store


class State(IntEnum):
    """Where a recipient stands, as the column has it."""

    QUEUED = 0
    LEASED = 1
    PARKED = 2
    HELD = 3


class Waiting(msgspec.Struct, frozen=True):
    """A recipient in the queue, whatever its state. Times in microseconds."""

    id: int
    message: int
    account_id: str
    domain_id: str
    recipient: str
    site: str  # the recipient's domain
    state: int
    due_at: int
    accepted_at: int
    give_up_at: int
    attempts: int
    lease_until: int  # of a held one: since when
    started: int
    ambiguous: int
    parked: str  # the destination that a parked one waits for, the rule that holds a held one
    last_code: int
    last_reply: str
    personal: bytes


class Where(msgspec.Struct, frozen=True):
    """Which recipients; None: any. `site` is a recipient domain.

    `provider` runs the recipient's mailbox: as delivery noted, else where the domain's name tells: it is one of
    `named`, or one of all but `not_named`.
    """

    account_id: str | None = None
    domain_id: str | None = None
    site: str | None = None
    provider: str | None = None
    named: tuple[str, ...] = ()
    not_named: tuple[str, ...] = ()
    states: tuple[int, ...] | None = None


def browse(tx: Read, where: Where, after: int, limit: int) -> list[Waiting]:
    """The next `limit` recipients behind number `after`, in the order they were accepted."""
    return [Waiting(*row) for row in store.browse(tx, where, after, limit)]


def of_message(tx: Read, message: int, recipient: str, after: int, limit: int) -> list[Waiting]:
    """The recipients of a message behind number `after`; only `recipient` when that is given."""
    return [Waiting(*row) for row in store.of_message(tx, message, recipient, after, limit)]


def having(tx: Read, messages: Sequence[int]) -> set[int]:
    """Which of the messages have recipients in the queue."""
    return store.having(tx, messages)


def hold(tx: Write, item: Item, rule: str, now: int) -> bool:
    """Take a leased recipient out of every claim until `release(rule)`. False: the lease is lost."""
    return store.hold(tx, item.id, item.token, rule, now)


def release(tx: Write, rule: str, now: int, limit: int = 500) -> int:
    """Return up to `limit` recipients that `rule` held; how many. Their time to live goes on where it stood."""
    return store.release(tx, rule, now, limit)


def held_rules(tx: Read) -> list[str]:
    """The rules that hold anything."""
    return store.held_rules(tx)


def cancel(tx: Write, key: int) -> bool:
    """Take a recipient off the queue. False: it is gone, or is being sent right now."""
    return store.cancel(tx, key)


def hurry(tx: Write, keys: Iterable[int], now: int) -> int:
    """Let recipients that wait for a later time be due now; how many."""
    return sum(store.hurry(tx, key, now) for key in keys)


def depth(tx: Read, now: int, account_id: str | None = None) -> dict[str, tuple[int, int]]:
    """How many recipients are `due`, `later`, `leased`, `parked` and `held`, and the oldest due time of each.

    Looks at every row: for a scan, not for the hot path.
    """
    return store.depth(tx, now, account_id)


def depth_of_sites(tx: Read, account_id: str | None, limit: int) -> list[tuple[str, int, int, int]]:
    """The recipient domains with the most in the queue: how many, how many held, the oldest due time."""
    return store.depth_of_sites(tx, account_id, limit)
