"""Automatic sender security: the two keys of a domain take turns, and the customer's records stay.

The customer points two names at our zone once. One key signs; the other one is prepared: it is made and published, and
once receivers have seen it for longer than they may remember what was there before, it signs. The key that signed
before stays published for as long as mail it signed may be on its way, and is then revoked: its record says so
(RFC 6376 §3.6.1), and its private half is gone. No key signs that DNS does not show.
"""

import asyncio
import re

import msgspec

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from . import dns, keys, store
from .errors import BadRotation, NothingRotates
from .keys import KeyPair
from .records import Domain

DAY = 86_400
INTERVAL_SECONDS = 120 * DAY  # behaviour.md 13.4
MIN_SECONDS, MAX_SECONDS = 5 * DAY, 3650 * DAY
TTL_SECONDS = 3600  # of the records in our zone
# How long the old key stays: what resolvers remember, and a message's life in queues of both sides with room to spare
# (delivery-engineering.md 7). Keys that should change more often than this lets them change as soon as it does.
KEPT_SECONDS = 8 * DAY
LEAD_SECONDS = (
    DAY  # a key is published so much earlier than it has to be seen: operators have their own hours
)
LOOK_SECONDS = 3600  # between looks for a key that is not there yet
STEPS = 5  # more than there are in a row
BATCH = 100
BITS = 2048
_SPAN = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?")


class Turn(msgspec.Struct, frozen=True):
    """A domain's rotation, the key that signs and the other one (None: something is amiss)."""

    domain: Domain
    rotation: store.Row
    signs: store.Row | None
    waits: store.Row | None

    @property
    def wanted_at(self) -> int | None:
        """When the other key should begin to sign; None: never."""
        if self.domain.state != "active":
            return None
        if self.rotation.wanted:
            return 0
        due: int = self.rotation.active_since + self.rotation.interval * SECOND
        return due if self.rotation.enabled else None


def begin(tx: Write, now: int, domain_id: str) -> None:
    """Let the keys of a new domain take turns."""
    store.add_rotation(
        tx,
        {
            "domain_id": domain_id,
            "enabled": True,
            "interval": INTERVAL_SECONDS,
            "wanted": False,
            "active_since": now,
            "seen_at": 0,
            "due_at": now + LOOK_SECONDS * SECOND,
        },
    )


def need(tx: Read, account_id: str, name: str) -> Turn:
    """The rotation of a domain of the account. Raises NothingRotates."""
    domain = store.find(tx, account_id, name)
    turn = None if domain is None else _turn(tx, domain.id)
    if turn is None:
        raise NothingRotates
    return turn


def _turn(tx: Read, domain_id: str) -> Turn | None:
    domain, row = store.by_id(tx, domain_id), store.rotation(tx, domain_id)
    if domain is None or row is None:
        return None
    ours = [key for key in store.keys(tx, domain.account_id, domain.authority) if key.code]
    signs = next((key for key in ours if key.active), None)
    return Turn(domain, row, signs, next((key for key in ours if not key.active), None))


def parse_interval(text: str) -> int:
    """Seconds of an interval such as `5d` or `120h`. Raises BadRotation."""
    found = _SPAN.fullmatch(text.strip().lower())
    if not text.strip() or found is None:
        raise BadRotation("rotation_interval is not valid: days or hours expected, such as 5d or 120h")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    interval = days * DAY + hours * 3600 + minutes * 60 + seconds
    if not MIN_SECONDS <= interval <= MAX_SECONDS:
        raise BadRotation("rotation_interval is not valid: 5 days at least, 3650 days at most")
    return interval


def show_interval(seconds: int) -> str:
    """An interval as answers show it."""
    if seconds % DAY == 0:
        return f"{seconds // DAY}d"
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds}s"


def configure(tx: Write, now: int, account_id: str, name: str, enabled: bool, interval: int | None) -> Turn:
    """Turn rotation on or off, and say how often. Raises NothingRotates, BadRotation."""
    turn = need(tx, account_id, name)
    if interval is not None and not enabled:
        raise BadRotation("rotation_interval is not allowed unless also enabling DKIM rotation")
    values = {"enabled": enabled, "due_at": now}
    store.set_rotation(tx, turn.domain.id, values | ({"interval": interval} if interval is not None else {}))
    return need(tx, account_id, name)


def want(tx: Write, now: int, account_id: str, name: str) -> str:
    """Let the keys of a domain change as soon as they can; the domain's id. Raises NothingRotates, BadRotation."""
    turn = need(tx, account_id, name)
    if turn.domain.state != "active":
        state = rotation_state(turn.domain)
        raise BadRotation(f"only domains in enabled can rotate their keys. Current state: {state}")
    store.set_rotation(tx, turn.domain.id, {"wanted": True, "due_at": now})
    return turn.domain.id


def rotation_state(domain: Domain) -> str:
    """The state of a domain in the words of this service (behaviour.md 13.4)."""
    return {"active": "enabled", "unverified": "wait_verify"}.get(domain.state, domain.state)


def plan(turn: Turn, now: int) -> str | int:
    """What is to be done now (`revoke`, `publish`, `look`, `switch`), or when (microseconds) there will be anything."""
    wanted, key = turn.wanted_at, turn.waits
    if key is None or turn.signs is None:
        return now + LOOK_SECONDS * SECOND
    if not key.private:
        if wanted is None:
            return now + DAY * SECOND
        publish_at = wanted - (LEAD_SECONDS + TTL_SECONDS) * SECOND
        return "publish" if publish_at <= now else publish_at
    if key.retired_at:
        revoke_at: int = key.retired_at + KEPT_SECONDS * SECOND
        return "revoke" if revoke_at <= now else revoke_at
    if not turn.rotation.seen_at:
        return "look"
    if wanted is None:
        return now + DAY * SECOND
    switch_at: int = max(wanted, turn.rotation.seen_at + TTL_SECONDS * SECOND)
    return "switch" if switch_at <= now else switch_at


class Rotator:
    """Does what is due."""

    def __init__(self, settings: Settings, db: Db, clock: Clock, vault: Vault) -> None:
        self._settings, self._db, self._clock, self._vault = settings, db, clock, vault

    async def run_once(self) -> int:
        """Go on with the rotations that are due; how many."""
        due = await self._db.read(store.due_rotations, self._clock.now(), BATCH)
        for row in due:
            await self.step(row.domain_id)
        return len(due)

    async def step(self, domain_id: str) -> None:
        """Do all that can be done for a domain now, and note when there will be more."""
        for _ in range(STEPS):
            now = self._clock.now()
            turn = await self._db.read(_turn, domain_id)
            if turn is None:
                await self._db.write(store.drop_rotation, domain_id)
                return
            match plan(turn, now):
                case "revoke":
                    await self._db.write(_revoke, now, turn)
                case "publish":
                    pair = await asyncio.to_thread(keys.new_key, BITS)
                    await self._db.write(_publish, self._vault, now, turn, pair)
                case "look":
                    if not await self._db.write(_seen, now, turn, await self._is_seen(turn)):
                        return
                case "switch":
                    if not await self._db.write(_switch, now, turn, await self._is_seen(turn)):
                        return
                case int(due_at):
                    await self._db.write(_wait, turn, due_at)
                    return

    async def _is_seen(self, turn: Turn) -> bool:
        """Whether receivers find the key that waits, by the way of the customer's record."""
        key = turn.waits
        if key is None or self._settings.trust_domains:
            return key is not None
        found = await dns.is_published(self._settings, key.authority, key.selector, key.public)
        return bool(found)


# Each of these does nothing when the key says something else by now: another process was faster.


def _wait(tx: Write, turn: Turn, due_at: int) -> None:
    # Somebody who wants a rotation meanwhile has set another time.
    store.set_rotation(tx, turn.domain.id, {"due_at": due_at}, due_at=turn.rotation.due_at)


def _revoke(tx: Write, now: int, turn: Turn) -> None:
    key = turn.waits
    assert key is not None
    values = {"private": b"", "public": keys.REVOKED, "published_at": now, "valid": "unknown", "found": "[]"}
    store.set_key(tx, key.id, values, published_at=key.published_at)


def _publish(tx: Write, vault: Vault, now: int, turn: Turn, pair: KeyPair) -> None:
    key = turn.waits
    assert key is not None
    values = {
        "private": keys.seal(vault, key.account_id, key.authority, key.selector, pair),
        "public": pair.public,
        "published_at": max(now, key.published_at + 1),
        "retired_at": 0,
        "valid": "unknown",
        "found": "[]",
    }
    if store.set_key(tx, key.id, values, published_at=key.published_at):
        store.set_rotation(tx, turn.domain.id, {"seen_at": 0})


def _seen(tx: Write, now: int, turn: Turn, seen: bool) -> bool:
    values = {"seen_at": now} if seen else {"seen_at": 0, "due_at": now + LOOK_SECONDS * SECOND}
    store.set_rotation(tx, turn.domain.id, values)
    return seen


def _switch(tx: Write, now: int, turn: Turn, seen: bool) -> bool:
    if not seen:
        return _seen(tx, now, turn, seen)
    old, new = turn.signs, turn.waits
    assert old is not None and new is not None
    if store.set_key(tx, new.id, {"active": True, "valid": "valid"}, published_at=new.published_at):
        store.set_key(tx, old.id, {"active": False, "retired_at": now})
        values = {"wanted": False, "active_since": now, "seen_at": 0, "due_at": now}
        store.set_rotation(tx, turn.domain.id, values)
    return True
