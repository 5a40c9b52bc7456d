"""Lets the handlers deal with what came in.

Runs in the `projector` role: handlers read and write rows and seldom compute, and what takes time (calls, messages
to send) becomes rows of its own that others work on. Any number of workers may run, on any number of machines.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from postwright import arrivals, messages
from postwright.arrivals import Effect, Handler, Job, Target, TryLater
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, StoreUnavailable, Write
from postwright.kernel.secrets import Vault
from postwright.mail.headers import decode
from postwright.mail.mime import parse_head
from postwright.messages import Meta, MimeContent
from postwright.spool import Blob, Spool

from .directory import Directory

log = logging.getLogger("postwright.inbound")

POLL_SECONDS = 0.1
RECOVER_SECONDS = 30.0
STOP_SECONDS = 10.0
IN_FLIGHT = 32
HANDLER_SECONDS = 60.0  # for all handlers of a job together
LIFETIME_SECONDS = 8 * 3600  # as sent mail has it (behaviour.md 5.1)


class InboundWorker:
    """Takes jobs until told to stop."""

    def __init__(
        self, *, db: Db, clock: Clock, spool: Spool, vault: Vault, handlers: Sequence[Handler]
    ) -> None:
        self._db = db
        self._clock = clock
        self._spool = spool
        self._vault = vault
        self._directory = Directory(handlers)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deal with jobs until `stop`; those under way are finished."""
        if self._db.dialect == "sqlite":
            # Nobody else can use this store's jobs: what is leased belongs to a worker that died.
            await self._db.write(arrivals.recover, self._clock.now(), everything=True)
        upkeep = asyncio.create_task(self._upkeep())
        try:
            while not stop.is_set():
                try:
                    busy = await self.step()
                except StoreUnavailable:
                    busy = False
                if not busy:
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            upkeep.cancel()
            if self._running:
                await asyncio.wait(self._running, timeout=STOP_SECONDS)

    async def step(self) -> bool:
        """Claim and start due jobs; whether any began."""
        room = IN_FLIGHT - len(self._running)
        now = self._clock.now()
        if room <= 0 or not await self._db.read(arrivals.any_due, now):
            return False
        jobs = await self._db.write(arrivals.claim, now, room)
        for job in jobs:
            task = asyncio.create_task(self._work(job))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return bool(jobs)

    async def settle(self) -> None:
        """Wait for the jobs under way."""
        while self._running:
            await asyncio.wait(self._running)

    async def _work(self, job: Job) -> None:
        try:
            try:
                async with asyncio.timeout(HANDLER_SECONDS):
                    effects = await self._effects(job)
                failpoints.hit("inbound.handled")
                await self._db.write(_finish, job, effects)
            except StoreUnavailable:
                raise
            except (TryLater, TimeoutError) as wait:
                await self._again(job, str(wait) or "timed out")
            except Exception as wrong:
                log.exception("a handler failed", extra={"message_key": job.arrival.storage_key})
                await self._again(job, repr(wrong))
        except StoreUnavailable:
            log.error("the store refuses the outcome of a received message; it comes again")

    async def _effects(self, job: Job) -> list[Effect]:
        """What the handlers want done; nothing when the message is gone."""
        arrival = job.arrival
        message = await self._message(arrival.id)
        if message is None:
            return []
        target = Target(
            account_id=arrival.account_id,
            domain_id=arrival.domain_id,
            domain=arrival.domain,
            address=job.recipient,
        )
        head = [(name, decode(value)) for name, value in parse_head(message)]
        effects = []
        for handler in await self._db.read(self._directory.takers, target, head):
            effect = await handler.handle(arrival, target, message)
            if effect is not None:
                effects.append(effect)
        return effects

    async def _message(self, number: int) -> bytes | None:
        found = await self._db.read(_find, self._spool, number)
        if found is None:
            return None
        meta, blob = found
        try:
            content = messages.opened(meta, await self._spool.bytes_of(blob), self._vault)
        except FileNotFoundError:
            return None
        return content.raw if isinstance(content, MimeContent) else None

    async def _again(self, job: Job, error: str) -> None:
        now = self._clock.now()
        if now - job.arrival.received_at > LIFETIME_SECONDS * SECOND:
            log.error(
                "a received message could not be dealt with; given up",
                extra={"message_key": job.arrival.storage_key, "reason": error[:500]},
            )
            await self._db.write(arrivals.finish, job)
            return
        await self._db.write(arrivals.defer, job, now, error)

    async def _upkeep(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailable):  # again later
                await self._db.write(arrivals.recover, self._clock.now())
            await asyncio.sleep(RECOVER_SECONDS)


def _find(tx: Read, spool: Spool, number: int) -> tuple[Meta, Blob] | None:
    meta = messages.described(tx, number)
    blob = spool.load(tx, number)
    return None if meta is None or blob is None else (meta, blob)


def _finish(tx: Write, job: Job, effects: list[Effect]) -> None:
    if arrivals.finish(tx, job):  # else somebody took over; what they do counts
        for effect in effects:
            effect(tx)
