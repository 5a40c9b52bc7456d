"""Makes the calls: leased, signed afresh for each attempt, retried on schedule."""

import asyncio
import hmac
import logging
import secrets
import time
from urllib.parse import urlsplit

import msgspec

from postwright.accounts import AccountNotFound, SigningKeys
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, StoreUnavailable, Write
from postwright.kernel.ids import url_token
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from . import store

log = logging.getLogger("postwright.webhooks")

POLL_SECONDS = 0.1
LEASE_SECONDS = 90  # longer than an attempt may take, with what it reads and writes
RECOVER_SECONDS = 30.0
IN_FLIGHT = 500
PER_HOST = 20  # calls to one host at once; more wait in the queue, so that a slow one holds up nobody else
STEP_SECONDS = 0.001
PATIENCE_SECONDS = 60  # longest time a call waits for its busy host before it is looked at again
KEEP_SECONDS = 7 * 86400  # finished calls, for people who look into them
STOP_SECONDS = 10.0
_GONE = -1  # status of a call that nobody wants any more


class Call(msgspec.Struct, frozen=True):
    """A leased call."""

    id: int
    account_id: str
    domain_id: str
    event_seq: int
    event_type: str
    url: str
    attempts: int
    token: str


class _Host:
    """One host with calls under way."""

    def __init__(self) -> None:
        self.running = 0
        self.answered = time.monotonic()  # when a call to it last ended
        self._next = 0

    def turn(self, now: int) -> int:
        """When to look again at a call that finds the host busy.

        The longer the host says nothing, the later; and one behind the other, not all at once.
        """
        silent = time.monotonic() - self.answered
        first = now + int(max(silent, POLL_SECONDS) * SECOND)
        step = int(max(silent / PER_HOST, STEP_SECONDS) * SECOND)
        self._next = min(max(first, self._next) + step, now + PATIENCE_SECONDS * SECOND)
        return self._next


class WebhookSender:
    """Makes due calls until told to stop."""

    def __init__(self, *, settings: Settings, db: Db, clock: Clock, vault: Vault) -> None:
        self._settings = settings
        self._schedule = settings.schedule("webhook_retry")
        self._db = db
        self._clock = clock
        self._keys = SigningKeys(db, vault)
        self._running: set[asyncio.Task[None]] = set()
        self._hosts: dict[str, _Host] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Make calls until `stop`; those under way are finished."""
        if self._db.dialect == "sqlite":
            # Nobody else can use this store's calls: what is leased belongs to a sender that died.
            await self._db.write(release_all, self._clock.now())
        async with Outgoing(self._settings) as outgoing:
            upkeep = asyncio.create_task(self._upkeep())
            try:
                while not stop.is_set():
                    try:
                        busy = await self._step(outgoing)
                    except StoreUnavailable:
                        busy = False
                    if not busy:
                        await asyncio.sleep(POLL_SECONDS)
            finally:
                upkeep.cancel()
                if self._running:
                    await asyncio.wait(self._running, timeout=STOP_SECONDS)

    async def _step(self, outgoing: Outgoing) -> bool:
        """Claim and start due calls; whether any began."""
        room = IN_FLIGHT - len(self._running)
        now = self._clock.now()
        if room <= 0 or not await self._db.read(store.any_due, now):
            return False
        rows = await self._db.write(store.claim, now, now + LEASE_SECONDS * SECOND, url_token(9), room)
        postponed = []
        for row in rows:
            call = Call(*row)
            name = urlsplit(call.url).netloc
            host = self._hosts.setdefault(name, _Host())
            if host.running >= PER_HOST:
                postponed.append((call.id, call.token, host.turn(now)))
                continue
            host.running += 1  # here, not in the task: the next row must see it
            task = asyncio.create_task(self._make(outgoing, call, name))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        if postponed:
            await self._db.write(store.postpone, postponed)
        return len(postponed) < len(rows)

    async def _make(self, outgoing: Outgoing, call: Call, name: str) -> None:
        host = self._hosts[name]
        try:
            status, error = await self._attempt(outgoing, call)
            failpoints.hit("webhook.posted")
            await self._db.write(self._record, call, status, error)
        except StoreUnavailable:
            log.error("the store refuses the outcome of a webhook call; it will be made again")
        finally:
            host.answered = time.monotonic()
            host.running -= 1
            if not host.running:
                del self._hosts[name]

    async def _attempt(self, outgoing: Outgoing, call: Call) -> tuple[int, str]:
        """POST once: the status (0 without an answer) and what went wrong."""
        data, parent = await self._db.read(_load, call)
        if data is None:
            return _GONE, "no longer wanted"
        try:
            body = await self.body(call.account_id, parent, data)
            result = await outgoing.post(call.url, body, {"Content-Type": "application/json"})
        except AccountNotFound:
            return _GONE, "the account is gone"
        except (TargetRefused, TargetUnreachable) as wrong:
            return 0, str(wrong)
        return result.status, "" if 200 <= result.status < 300 else f"HTTP {result.status}"

    async def body(self, account_id: str, parent: str | None, event: bytes) -> bytes:
        """The body of a call: the event as it was recorded, and a fresh signature (behaviour.md 9.2)."""
        stamp, token = str(self._clock.now() // SECOND), secrets.token_hex(25)
        signature = {"timestamp": stamp, "token": token}
        signature["signature"] = _sign(await self._keys.of(account_id), stamp, token)
        if parent:
            signature["parent-signature"] = _sign(await self._keys.of(parent), stamp, token)
        return msgspec.json.encode({"signature": signature, "event-data": msgspec.Raw(event)})

    def _record(self, tx: Write, call: Call, status: int, error: str) -> None:
        now = self._clock.now()
        number = call.attempts + 1
        if 200 <= status < 300 or status == _GONE:
            store.end(tx, call.id, call.token, now, max(status, 0), error, done=True)
        elif status == 406 or number > len(self._schedule):
            # 406: the receiver asks us to stop (behaviour.md 9.2).
            store.end(tx, call.id, call.token, now, status, error[:500], done=False)
        else:
            due = now + self._schedule[number - 1] * SECOND
            store.again(tx, call.id, call.token, due, number, status, error[:500])

    async def _upkeep(self) -> None:
        while True:
            now = self._clock.now()
            try:
                await self._db.write(store.recover, now, now)
                while await self._db.write(store.expire, now - KEEP_SECONDS * SECOND, 1000):
                    pass
            except StoreUnavailable:
                pass  # again later
            await asyncio.sleep(RECOVER_SECONDS)


def _load(tx: Read, call: Call) -> tuple[bytes | None, str | None]:
    """The event of a call, if it is still wanted, and the account's parent."""
    parent = store.parents(tx, [call.account_id]).get(call.account_id)
    levels = [call.account_id, *([parent] if parent else [])]
    if not store.is_wanted(tx, levels, call.domain_id, call.event_type, call.url):
        return None, parent
    return store.event(tx, call.event_seq), parent


def _sign(key: str, stamp: str, token: str) -> str:
    return hmac.digest(key.encode(), (stamp + token).encode(), "sha256").hex()


def release_all(tx: Write, now: int) -> int:
    """Return every leased call, because nobody who could hold one is alive; how many."""
    return store.recover(tx, 1 << 62, now)
