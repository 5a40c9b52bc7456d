"""The queue's rules: add, claim, park, finish, defer, recover."""

from collections.abc import Iterable, Sequence

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import url_token

from .store import delivering as store

# Longer than connecting, greeting and EHLO may take together; extended while a message is being sent
# (delivery-engineering.md 1.5).
LEASE_SECONDS = 15 * 60
# An expired lease means that a worker died; whatever killed it gets a pause before it can happen again.
RECOVERY_SECONDS = 5 * 60
FOREVER = 1 << 62
# A message to no more recipients than this does not wait behind those to many.
EXPRESS_RECIPIENTS = 10
EXPRESS, BULK = 0, 1
# Bulk gets at least every fourth place of a claim, however much is sent to few.
EXPRESS_SHARE = 0.75
ACCOUNTS = 64  # that get their turn in one claim


class NewItem(msgspec.Struct, frozen=True):
    """A recipient to deliver to."""

    id: int
    message: int
    recipient: str
    site: str
    personal: bytes = b""
    delay: int = 0  # microseconds later than the others of its message


class Item(msgspec.Struct, frozen=True):
    """A leased recipient. Times in microseconds."""

    id: int
    message: int
    account_id: str
    domain_id: str
    recipient: str
    site: str  # the recipient's domain
    lane: int
    accepted_at: int
    give_up_at: int
    attempts: int  # finished attempts so far
    token: str
    ambiguous: int  # 1: the receiver may already have it
    last_code: int
    last_reply: str
    personal: bytes
    parked: str = ""  # the destination that it was parked for since its last attempt


class Turns:
    """Whose turn it is: the account that was served last, in each lane (and of each destination's parked rows)."""

    def __init__(self) -> None:
        self.after: dict[int, str] = {}
        self.done = True  # every account had its turn in the last claim


def add(
    tx: Write,
    items: Sequence[NewItem],
    *,
    account_id: str,
    domain_id: str,
    accepted_at: int,
    due_at: int,
    give_up_at: int,
) -> None:
    """Queue the recipients of one message, due at `due_at`, given up at `give_up_at`."""
    lane = EXPRESS if len(items) <= EXPRESS_RECIPIENTS else BULK
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
                lane,
                0,
                due_at + item.delay,
                accepted_at,
                give_up_at + item.delay,
                0,
                0,
                "",
                0,
                0,
                "",
                0,
                "",
                item.personal,
            )
            for item in items
        ],
    )


def claim(tx: Write, now: int, count: int, turns: Turns | None = None, node: int | None = None) -> list[Item]:
    """Lease up to `count` due recipients to process `node`: in turn of the accounts, of each the oldest first.

    Messages to few go before those to many, which keep a quarter of the places. `turns` is the caller's memory
    of whose turn it is; when its `done` is False afterwards, other accounts may have something as well.
    """
    turns = turns or Turns()
    first = max(1, int(count * EXPRESS_SHARE))
    token = _token(node)
    items = _take(tx, now, first, turns, EXPRESS, token)
    done = turns.done
    had = len(items)
    items += _take(tx, now, count - had, turns, BULK, token)
    done = done and turns.done
    if had >= first and len(items) < count:  # there is no bulk: its places are free
        items += _take(tx, now, count - len(items), turns, EXPRESS, token)
        done = done and turns.done
    turns.done = done
    return items


def claim_parked(
    tx: Write, now: int, site: str, count: int, turns: Turns, node: int | None = None
) -> list[Item]:
    """Lease up to `count` recipients that were parked for `site`, in the same order."""
    token = _token(node)
    items = _take(tx, now, count, turns, EXPRESS, token, site)
    return items + _take(tx, now, count - len(items), turns, BULK, token, site)


def _token(node: int | None) -> str:
    """What a lease is compared by. It begins with who holds it, so that what the dead held can be told."""
    return url_token(9) if node is None else f"{node}.{url_token(9)}"


def _take(tx: Write, now: int, count: int, turns: Turns, lane: int, token: str, site: str = "") -> list[Item]:
    """Up to `count` recipients of one lane, an equal share for each account that has something."""
    turns.done = True
    if count <= 0:
        return []
    accounts = _accounts(tx, now, turns, lane, site)
    until = now + LEASE_SECONDS * SECOND
    items: list[Item] = []
    ready = [account for account, is_due in accounts if is_due]
    alone = len(ready) == 1
    while ready:
        more: list[str] = []
        for number, account in enumerate(ready):
            share = -(-(count - len(items)) // (len(ready) - number))
            rows = store.claim(tx, now, until, token, lane, account, share, site)
            items += [Item(*row) for row in rows]
            if len(rows) == share:
                more.append(account)  # what others leave is for these
            if len(items) >= count:
                if not alone:
                    turns.after[lane] = account
                turns.done = False
                return items
        ready = more
    if not turns.done:
        turns.after[lane] = accounts[-1][0]
    return items


def _accounts(tx: Write, now: int, turns: Turns, lane: int, site: str) -> list[tuple[str, int]]:
    """The next accounts in turn, and whether each has something due. Behind the last comes the first again."""
    after = turns.after.pop(lane, "")
    accounts = store.accounts(tx, now, lane, after, ACCOUNTS, site)
    if after and len(accounts) < ACCOUNTS:
        rest = ACCOUNTS - len(accounts)
        first = store.accounts(tx, now, lane, "", rest, site)
        turns.done = len(first) < rest or first[-1][0] >= after
        return accounts + [each for each in first if each[0] <= after]
    turns.done = len(accounts) < ACCOUNTS
    return accounts


def park(tx: Write, items: Iterable[Item], site: str) -> None:
    """Let recipients wait until `site` takes more; they are out of the way of all others until then."""
    store.park(tx, [(site, item.id, item.token) for item in items])


def unpark(tx: Write, keys: Iterable[int]) -> int:
    """Let parked recipients be claimed by anybody again; how many there were."""
    return sum(store.unpark(tx, key) for key in keys)


def parked_sites(tx: Read, after: str, limit: int) -> list[str]:
    """The next `limit` destinations behind `after` for which something is parked."""
    return store.parked_sites(tx, after, limit)


def claim_ended(tx: Write, now: int, count: int, node: int | None = None) -> list[Item]:
    """Lease parked recipients whose time is over, so that they can be given up."""
    until = now + LEASE_SECONDS * SECOND
    return [Item(*row) for row in store.claim_ended(tx, now, until, _token(node), count)]


def finish(tx: Write, item: Item) -> bool:
    """Take a recipient off the queue for good. False: the lease is lost, nothing may be recorded."""
    return store.finish(tx, item.id, item.token)


def start(tx: Write, item: Item, now: int) -> bool:
    """Note, before anything is sent, that an attempt begins. False: the lease is lost, do not send."""
    return store.start(tx, item.id, item.token, now + LEASE_SECONDS * SECOND)


def any_due(tx: Read, now: int) -> bool:
    """Whether there is anything to claim; cheap, for polling."""
    return store.any_due(tx, now)


def defer(
    tx: Write,
    item: Item,
    *,
    due_at: int,
    attempts: int,
    code: int = 0,
    reply: str = "",
    ambiguous: bool = False,
) -> bool:
    """Try again at `due_at`. False: the lease is lost, nothing may be recorded.

    `ambiguous`: the reply to the whole message was lost. That the receiver may have it stays true, whatever
    later attempts bring.
    """
    flag = int(ambiguous or item.ambiguous)
    return store.defer(tx, item.id, item.token, due_at, attempts, code, reply, flag)


def give_back(tx: Write, items: Iterable[Item], due_at: int) -> None:
    """Return recipients that were not attempted, due at `due_at`."""
    store.give_back(tx, [(due_at, item.id, item.token) for item in items])


class Recovered(msgspec.Struct, frozen=True):
    """What was returned to the queue of those who held it: `count`, among them `unknown`, due at `due`.

    Of `unknown` an attempt had begun, and nobody knows how it ended.
    """

    count: int
    unknown: list[Item]
    due: int


def recover(tx: Write, now: int, ambiguous_seconds: float) -> Recovered:
    """Return expired leases to the queue, attempts unchanged.

    Where an attempt had begun its outcome is unknown: the receiver may have the message. Those are ambiguous and
    wait `ambiguous_seconds` (delivery-engineering.md 1.3).
    """
    wait = max(RECOVERY_SECONDS, ambiguous_seconds)
    return _recover(tx, now, now + RECOVERY_SECONDS * SECOND, now + int(wait * SECOND))


def recover_of(tx: Write, node: int, now: int, ambiguous_seconds: float) -> Recovered:
    """Return what a process holds that is known to be dead. What it had not begun is due at once.

    A message that kills whoever builds it comes round once for each such death, which is told a minute later.
    """
    return _recover(tx, FOREVER, now, now + int(ambiguous_seconds * SECOND), f"{node}.")


def release_all(tx: Write, now: int, ambiguous_seconds: float) -> Recovered:
    """Return every lease, because nobody who could hold one is alive."""
    return _recover(tx, FOREVER, now, now + int(ambiguous_seconds * SECOND))


def _recover(tx: Write, ended_before: int, due: int, due_started: int, holder: str = "") -> Recovered:
    count, begun = store.recover(tx, ended_before, due, due_started, holder)
    return Recovered(count + len(begun), [Item(*row) for row in begun], due_started)


def purge(tx: Write, domain_id: str, limit: int = 1000) -> int:
    """Delete up to `limit` of a domain's recipients that are not being delivered right now; how many."""
    return store.purge(tx, domain_id, limit)


def has_domain(tx: Read, domain_id: str) -> bool:
    """Whether there is a recipient of a domain's mail."""
    return store.has_domain(tx, domain_id)


def waiting(tx: Read, domain_id: str, now: int) -> tuple[int, int]:
    """How many recipients of a domain are due (or wait for another attempt), and how many are scheduled for later."""
    return store.waiting(tx, domain_id, now)
