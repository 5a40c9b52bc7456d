"""The rules of suppression."""

from collections.abc import Sequence
from typing import Any

import msgspec

from postwright.kernel.db import Read, Write
from postwright.mail.addresses import AddressError, parse_one, to_ascii

from . import store
from .errors import BadEntry, BatchTooLarge, NotListed
from .kinds import ALLOWED_MISSING, TAG_MISSING, UNSUBSCRIBES, Kind

MAX_BATCH = 1000  # entries a call (behaviour.md 14.3)
MAX_TEXT = 1000  # characters of an error or a reason that are kept
EVERYTHING = "*"  # the tag of an unsubscribe from all mail of a domain

page = store.page
allowed_page = store.allowed_page
forget_domain = store.forget


class Entry(msgspec.Struct, kw_only=True):
    """Something to add to one of the three lists. `created_at` in microseconds, 0: now."""

    address: str
    code: str = "550"
    error: str = ""
    tags: list[str] = []
    created_at: int = 0


class Allowed(msgspec.Struct, kw_only=True):
    """Something to add to the allowlist."""

    value: str
    type: str
    reason: str = ""
    created_at: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """Why a recipient is not written to, as events say it (behaviour.md 5.2)."""

    code: int
    reason: str
    description: str


_BOUNCED = Refusal(605, "suppress-bounce", "Not delivering to previously bounced address")
_UNSUBSCRIBED = Refusal(606, "suppress-unsubscribe", "Not delivering to unsubscribed address")
_COMPLAINED = Refusal(607, "suppress-complaint", "Not delivering to a user who marked your messages as spam")


def refusal(tx: Read, domain_id: str, address: str, tags: Sequence[str]) -> Refusal | None:
    """Why a message with `tags` must not go to `address`, or None. Bounces come first, then unsubscribes."""
    held = dict(store.held(tx, domain_id, address.lower()))
    if not held:
        return None
    if "bounce" in held:
        return _BOUNCED
    if "unsubscribe" in held:
        from_what = {tag.lower() for tag in msgspec.json.decode(held["unsubscribe"], type=list[str])}
        if EVERYTHING in from_what or any(tag.lower() in from_what for tag in tags):
            return _UNSUBSCRIBED
    return _COMPLAINED if "complaint" in held else None


def parse_address(text: str) -> str:
    """An address as the lists hold it. Raises BadEntry."""
    try:
        return parse_one(text).spec.lower()
    except AddressError as wrong:
        raise BadEntry(f"Invalid address '{text[:200]}': {wrong}") from wrong


def parse_allowed(address: str, domain: str, reason: str, created_at: int = 0) -> Allowed:
    """An entry of the allowlist; the address wins when both are given. Raises BadEntry."""
    if address:
        return Allowed(value=parse_address(address), type="address", reason=reason, created_at=created_at)
    if not domain:
        raise BadEntry("Missing mandatory parameter: address/domain")
    try:
        return Allowed(value=to_ascii(domain), type="domain", reason=reason, created_at=created_at)
    except AddressError as wrong:
        raise BadEntry(f"Invalid domain '{domain[:200]}': {wrong}") from wrong


def add(tx: Write, now: int, domain_id: str, kind: Kind, entries: Sequence[Entry]) -> None:
    """Add entries, or bring them up to date; an unsubscribe keeps the tags it had. Raises BatchTooLarge."""
    if len(entries) > MAX_BATCH:
        raise BatchTooLarge
    rows: dict[str, dict[str, Any]] = {}
    for entry in entries:
        tags = entry.tags
        if kind is UNSUBSCRIBES:
            tags = _merged(tx, domain_id, entry, rows.get(entry.address))
        rows[entry.address] = {
            "domain_id": domain_id,
            "kind": kind.name,
            "address": entry.address,
            "code": entry.code,
            "error": entry.error[:MAX_TEXT],
            "tags": msgspec.json.encode(tags).decode(),
            "created_at": entry.created_at or now,
        }
    store.put(tx, list(rows.values()), ["code", "error", "tags", "created_at"])


def _merged(tx: Read, domain_id: str, entry: Entry, earlier: dict[str, Any] | None) -> list[str]:
    if earlier is not None:
        text = earlier["tags"]
    else:
        row = store.one(tx, domain_id, UNSUBSCRIBES.name, entry.address)
        text = "[]" if row is None else row.tags
    had = msgspec.json.decode(text, type=list[str])
    return list(dict.fromkeys([*had, *(entry.tags or [EVERYTHING])]))


def one(tx: Read, domain_id: str, kind: Kind, address: str) -> Any:
    """One entry. Raises NotListed."""
    row = store.one(tx, domain_id, kind.name, address.lower())
    if row is None:
        raise NotListed(kind.missing)
    return row


def remove(tx: Write, domain_id: str, kind: Kind, address: str) -> None:
    """Delete one entry. Raises NotListed."""
    if not store.remove(tx, domain_id, kind.name, address.lower()):
        raise NotListed(kind.missing)


def clear(tx: Write, domain_id: str, kind: Kind) -> None:
    """Delete a whole list."""
    store.remove(tx, domain_id, kind.name)


def remove_tag(tx: Write, domain_id: str, address: str, tag: str) -> None:
    """Take one tag off an unsubscribe; without tags it goes. Raises NotListed."""
    row = one(tx, domain_id, UNSUBSCRIBES, address)
    tags = msgspec.json.decode(row.tags, type=list[str])
    left = [each for each in tags if each.lower() != tag.lower()]
    if len(left) == len(tags):
        raise NotListed(TAG_MISSING)
    if not left:
        store.remove(tx, domain_id, UNSUBSCRIBES.name, row.address)
        return
    values = dict(row._mapping) | {"tags": msgspec.json.encode(left).decode()}
    store.put(tx, [values], ["tags"])


def unsubscribe(tx: Write, now: int, domain_id: str, address: str, tags: Sequence[str]) -> bool:
    """Write no more to an address, of mail with these tags. False: that was so already."""
    if _unsubscribed(tx, domain_id, address).issuperset(tag.lower() for tag in tags):
        return False
    add(tx, now, domain_id, UNSUBSCRIBES, [Entry(address=address.lower(), tags=list(tags))])
    return True


def resubscribe(tx: Write, domain_id: str, address: str, tags: Sequence[str]) -> None:
    """Take an unsubscribe from these tags back; what is not there is no matter."""
    held = _unsubscribed(tx, domain_id, address)
    for tag in tags:
        if tag.lower() in held:
            remove_tag(tx, domain_id, address.lower(), tag)


def _unsubscribed(tx: Read, domain_id: str, address: str) -> set[str]:
    row = store.one(tx, domain_id, UNSUBSCRIBES.name, address.lower())
    if row is None:
        return set()
    return {tag.lower() for tag in msgspec.json.decode(row.tags, type=list[str])}


def allow(tx: Write, now: int, domain_id: str, entries: Sequence[Allowed]) -> None:
    """Add entries to the allowlist, or bring them up to date. Raises BatchTooLarge."""
    if len(entries) > MAX_BATCH:
        raise BatchTooLarge
    rows = {
        entry.value: {
            "domain_id": domain_id,
            "value": entry.value,
            "type": entry.type,
            "reason": entry.reason[:MAX_TEXT],
            "created_at": entry.created_at or now,
        }
        for entry in entries
    }
    store.allow(tx, list(rows.values()))


def allowed(tx: Read, domain_id: str, value: str) -> Any:
    """One entry of the allowlist. Raises NotListed."""
    row = store.allowed(tx, domain_id, value.lower())
    if row is None:
        raise NotListed(ALLOWED_MISSING)
    return row


def disallow(tx: Write, domain_id: str, value: str | None) -> None:
    """Delete one entry of the allowlist (NotListed when it is not there), or all."""
    gone = store.disallow(tx, domain_id, None if value is None else value.lower())
    if value is not None and not gone:
        raise NotListed(ALLOWED_MISSING)
