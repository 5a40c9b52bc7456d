"""Posts copies of what was delivered."""

import asyncio
import logging

import msgspec

from postwright.kernel import failpoints
from postwright.kernel.calling import Caller
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.outgoing import Outgoing, TargetRefused, TargetUnreachable
from postwright.kernel.settings import Settings
from postwright.spool import Blob, Spool

from . import store

log = logging.getLogger("postwright.archives")

IN_MEMORY = 32  # copies read and not yet posted; one may have 25 MB
NO_ANSWER = 0
UNWANTED = 406  # as for forwards: the receiver does not want it (behaviour.md 10.3)
_HEADERS = {"Content-Type": "application/mime"}  # behaviour.md 2.1


class Call(msgspec.Struct, frozen=True):
    """A leased call."""

    id: int
    message_id: str
    url: str
    attempts: int
    token: str


class ArchiveCaller(Caller[Call]):
    """Makes due calls until told to stop."""

    def __init__(self, *, settings: Settings, db: Db, clock: Clock, spool: Spool) -> None:
        super().__init__(settings, db, clock, store.calls, Call)
        self._schedule = settings.schedule("webhook_retry")
        self._spool = spool
        self._memory = asyncio.Semaphore(IN_MEMORY)

    async def make(self, outgoing: Outgoing, call: Call) -> None:
        """POST once, and record what came of it."""
        async with self._memory:
            status, error = await self._post(outgoing, call)
        failpoints.hit("archive.posted")
        await self._spool.unlink(await self.db.write(self._record, call, status, error))

    async def _post(self, outgoing: Outgoing, call: Call) -> tuple[int, str]:
        """The status that came (NO_ANSWER: none), and what was wrong."""
        blob: Blob | None = await self.db.read(self._spool.load, call.id)
        try:
            if blob is None:
                return UNWANTED, "the copy is gone"
            copy = await self._spool.bytes_of(blob)
            result = await outgoing.post(call.url, copy, _HEADERS)
        except FileNotFoundError:
            return UNWANTED, "the copy is gone"
        except (TargetRefused, TargetUnreachable) as wrong:
            return NO_ANSWER, str(wrong)[:500]
        return result.status, "" if 200 <= result.status < 300 else f"HTTP {result.status}"

    def _record(self, tx: Write, call: Call, status: int, error: str) -> list[str]:
        """The files that are not needed any more."""
        now, number = self.clock.now(), call.attempts + 1
        if error and status != UNWANTED and number <= len(self._schedule):
            due = now + self._schedule[number - 1] * SECOND
            store.calls.again(tx, call.id, call.token, due, number, status, error)
            return []
        if not store.calls.end(tx, call.id, call.token, now, status, error, done=not error):
            return []
        if error:
            about = {"message_id": call.message_id, "url": call.url, "reason": error}
            log.warning("a delivered message could not be archived", extra=about)
        return self._spool.remove(tx, [call.id])
