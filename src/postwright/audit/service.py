"""Record changes, read them back, expire them."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from postwright.accounts import Kind, Principal
from postwright.kernel.db import Read, Write

from . import store
from .records import Actor, Entry

MAX_CHANGE = 16_384  # bytes of JSON that one side of a change may take
MAX_NAME = 500
# Names of members whose values nobody may read again. A public key is no secret.
_SECRET = re.compile(
    r"(?<!public)(?<!public[_-])(password|secret|token|(^|[_-])key$|private|pem|credential)", re.I
)
_BLANK = "(not recorded)"


def actor(principal: Principal, address: str = "") -> Actor:
    """Who makes a request."""
    if principal.kind is Kind.WEB and principal.user_id:
        return Actor("user", principal.user_id, address)
    return Actor("key", principal.key_id, address)


def record(
    tx: Write,
    now: int,
    account_id: str,
    who: Actor,
    action: str,
    object: str,
    *,
    before: Any = None,
    after: Any = None,
) -> None:
    """Record that `who` did `action` to `object` of an account, in the transaction that does it.

    `before` and `after` are structs or plain data: what changed, not more. Secrets in them are blanked by name.
    """
    if tx.change is not None:
        tx.change.is_recorded = True
    store.add(
        tx,
        {
            "at": now,
            "account_id": account_id,
            "actor_kind": who.kind,
            "actor_id": _text(who.id),
            "address": _text(who.address),
            "action": action,
            "object": _text(object),
            "change": msgspec.json.encode([_side(before), _side(after)]),
        },
    )


def entries(
    tx: Read,
    account_id: str,
    exact: Mapping[str, str],
    *,
    low: int | None = None,
    high: int | None = None,
    before: int | None = None,
    after: int | None = None,
    limit: int = 100,
) -> list[Entry]:
    """Records of an account, the newest first; see `store.page`."""
    rows = store.page(tx, account_id, exact, low=low, high=high, before=before, after=after, limit=limit)
    if after is not None:
        rows = list(reversed(rows))
    return [_entry(row) for row in rows]


def head(tx: Read) -> int:
    """The number of the newest record, or 0."""
    return store.newest(tx)


def actions_after(tx: Read, after: int, limit: int) -> list[tuple[int, str, str]]:
    """Number, account and action of the next `limit` records behind number `after`, in order."""
    return store.actions_after(tx, after, limit)


def expire(tx: Write, before: int, limit: int = 5000) -> int:
    """Delete up to `limit` records older than `before` (microseconds); how many."""
    return store.delete_before(tx, before, limit)


def _entry(row: Any) -> Entry:
    before, after = msgspec.json.decode(row.change)
    who = Actor(row.actor_kind, row.actor_id, row.address)
    return Entry(row.id, row.at, row.account_id, who, row.action, row.object, before, after)


def _text(value: str) -> str:
    return value.replace("\0", "\ufffd")[:MAX_NAME]  # PostgreSQL has no NUL in text


def _side(value: Any) -> Any:
    if value is None:
        return None
    plain = _blanked(msgspec.to_builtins(value, enc_hook=str))
    size = len(msgspec.json.encode(plain))
    return plain if size <= MAX_CHANGE else {"too large to record": size}


def _blanked(value: Any) -> Any:
    match value:
        case dict():
            return {
                str(name): _BLANK if each and _SECRET.search(str(name)) else _blanked(each)
                for name, each in value.items()
            }
        case list() | tuple():
            return [_blanked(each) for each in value]
    return value
