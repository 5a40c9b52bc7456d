"""Make rules, end them, and let go of what they held."""

from typing import Any

import msgspec

from postwright import queue
from postwright.kernel.db import Db, Read, Write

from . import store
from .records import BadLever, Filter, Rule, Target

MAX_RULES = 1000
_encode = msgspec.json.encode


def named(rule_id: int) -> str:
    """What a rule is called in the rows it holds."""
    return f"rule {rule_id}"


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


def one(tx: Read, key: int) -> Rule | None:
    """One rule, or None."""
    row = store.of_id(tx, key)
    return None if row is None else _rule(row)


def end(tx: Write, key: int) -> bool:
    """End a rule. What it holds is still held until `sweep`."""
    return store.remove(tx, key) == 1


def stands(tx: Write, key: int) -> bool:
    """Whether a rule holds now and until the end of this transaction."""
    return store.stands(tx, key)


async def sweep(db: Db, now: int) -> int:
    """Release everything that is held by a rule that has ended, in small transactions; how many recipients."""
    held, standing = await db.read(_held)
    count = 0
    for name in held:
        while name not in standing and (some := await db.write(queue.release, name, now)):
            count += some
    return count


def _held(tx: Read) -> tuple[list[str], set[str]]:
    return queue.held_rules(tx), {named(rule.id) for rule in rules(tx)}


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
