"""Make rules, end them, and let go of what they held."""

from typing import Any

import msgspec

from postwright import accounts, queue
from postwright.kernel.db import Db, Read, Write

from . import store
from .records import PAUSE, BadLever, Filter, Rule, Target

MAX_RULES = 1000
_encode = msgspec.json.encode
_NOTES = {
    accounts.Status.OPEN: "sending is disabled for the account",
    accounts.Status.DISABLED: "the account is disabled",
    accounts.Status.CLOSED: "the account is closed",
}


def create(
    tx: Write, now: int, kind: str, owner: str, filter: Filter, target: Target | None, note: str, by: str
) -> Rule:
    """Make a rule; where there is one that says just this, it is that one. Raises BadLever when there are too many."""
    packed = _encode(filter), _encode(target)
    for row in store.same(tx, kind, owner, *packed):
        return _rule(row)
    if store.count(tx) >= MAX_RULES:
        raise BadLever(f"There are {MAX_RULES} rules already; end some first")
    values = {
        "kind": kind,
        "owner": owner,
        "filter": packed[0],
        "target": packed[1],
        "note": note,
        "created_at": now,
        "created_by": by,
    }
    return Rule(store.add(tx, values), kind, owner, filter, target, note, now, by)


def rules(tx: Read) -> list[Rule]:
    """All rules, the oldest first."""
    return [_rule(row) for row in store.every(tx)]


def stopped(tx: Read) -> dict[str, Rule]:
    """What holds mail without a rule of anybody's: accounts that send nothing now, by their ids."""
    return {
        account_id: Rule(0, PAUSE, account_id, Filter(account=account_id), None, _NOTES[status], 0, "")
        for account_id, status in accounts.stopped(tx)
    }


def one(tx: Read, key: int) -> Rule | None:
    """One rule, or None."""
    row = store.of_id(tx, key)
    return None if row is None else _rule(row)


def end(tx: Write, key: int) -> bool:
    """End a rule. What it holds is still held until `sweep`."""
    return store.remove(tx, key) == 1


def stands(tx: Write, rule: Rule) -> bool:
    """Whether a rule holds now and until the end of this transaction."""
    return store.stands(tx, rule.id) if rule.id else accounts.is_stopped(tx, rule.owner)


async def sweep(db: Db, now: int) -> int:
    """Release everything that is held by a rule that has ended, in small transactions; how many recipients."""
    held, standing = await db.read(_held)
    count = 0
    for name in held:
        while name not in standing and (some := await db.write(queue.release, name, now)):
            count += some
    return count


def _held(tx: Read) -> tuple[list[str], set[str]]:
    return queue.held_rules(tx), {rule.name for rule in (*rules(tx), *stopped(tx).values())}


def _rule(row: Any) -> Rule:
    key, kind, owner, filter, target, note, at, by = row
    return Rule(
        key,
        kind,
        owner,
        msgspec.json.decode(filter, type=Filter),
        msgspec.json.decode(target, type=Target | None),
        note,
        at,
        by,
    )
