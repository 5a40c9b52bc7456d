"""Making calls to URLs of users from a table of calls: leased, fair to all hosts, until told to stop.

What is called and what is said belongs to the concepts that have such a table (webhooks, forwards to URLs).
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from .clock import SECOND, Clock
from .db import Db, StoreUnavailable
from .db.calls import Calls
from .ids import url_token
from .outgoing import Outgoing
from .settings import Settings

log = logging.getLogger("postwright.calling")

POLL_SECONDS = 0.1
LEASE_SECONDS = 90  # longer than an attempt may take, with what it reads and writes
RECOVER_SECONDS = 30.0
IN_FLIGHT = 500
PER_HOST = 20  # calls to one host at once; more wait in the queue, so that a slow one holds up nobody else
STEP_SECONDS = 0.001
PATIENCE_SECONDS = 60  # longest time a call waits for its busy host before it is looked at again
KEEP_SECONDS = 7 * 86400  # finished calls, for people who look into them
STOP_SECONDS = 10.0
BATCH = 1000


class Leased(Protocol):
    """A leased call, as far as this module looks at it."""

    @property
    def id(self) -> int:
        """The number of its row."""

    @property
    def url(self) -> str:
        """Whom to call."""

    @property
    def token(self) -> str:
        """The lease."""


C = TypeVar("C", bound=Leased)


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


class Caller(ABC, Generic[C]):
    """Makes due calls until told to stop. A subclass knows the table, and what is said."""

    def __init__(self, settings: Settings, db: Db, clock: Clock, calls: Calls, row: Callable[..., C]) -> None:
        """`row` makes a call of the columns that a claim of `calls` gives."""
        self.db = db
        self.clock = clock
        self._settings = settings
        self._calls = calls
        self._row = row
        self._running: set[asyncio.Task[None]] = set()
        self._hosts: dict[str, _Host] = {}

    @abstractmethod
    async def make(self, outgoing: Outgoing, call: C) -> None:
        """Make one call and record what came of it."""

    async def run(self, stop: asyncio.Event) -> None:
        """Make calls until `stop`; those under way are finished."""
        if self.db.dialect == "sqlite":
            # Nobody else can use this store's calls: what is leased belongs to a process that died.
            await self.db.write(self._calls.release_all, self.clock.now())
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
        now = self.clock.now()
        if room <= 0 or not await self.db.read(self._calls.any_due, now):
            return False
        until = now + LEASE_SECONDS * SECOND
        rows = await self.db.write(self._calls.claim, now, until, url_token(9), room)
        postponed = []
        for call in (self._row(*row) for row in rows):
            name = urlsplit(call.url).netloc
            host = self._hosts.setdefault(name, _Host())
            if host.running >= PER_HOST:
                postponed.append((call.id, call.token, host.turn(now)))
                continue
            host.running += 1  # here, not in the task: the next row must see it
            task = asyncio.create_task(self._one(outgoing, call, name))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        if postponed:
            await self.db.write(self._calls.postpone, postponed)
        return len(postponed) < len(rows)

    async def _one(self, outgoing: Outgoing, call: C, name: str) -> None:
        host = self._hosts[name]
        try:
            await self.make(outgoing, call)
        except StoreUnavailable:
            log.error("the store refuses the outcome of a call; it will be made again")
        finally:
            host.answered = time.monotonic()
            host.running -= 1
            if not host.running:
                del self._hosts[name]

    async def _upkeep(self) -> None:
        while True:
            now = self.clock.now()
            try:
                await self.db.write(self._calls.recover, now)
                while await self.db.write(self._calls.expire, now - KEEP_SECONDS * SECOND, BATCH):
                    pass
            except StoreUnavailable:
                pass  # again later
            await asyncio.sleep(RECOVER_SECONDS)
