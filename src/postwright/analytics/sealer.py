"""From the log into the table: every minute, or sooner when much happened."""

import asyncio
import contextlib
import ctypes
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from postwright import events
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.settings import Settings

from . import engines
from .columns import DAY, table
from .retention import cut_log, terms
from .table import Table
from .upkeep import Upkeep, settle_apart

log = logging.getLogger("postwright.analytics")

T = TypeVar("T")

SEAL_EVENTS: Final = 20_000  # or until so many do
LOOK_SECONDS: Final = 1.0
SEAL_BYTES: Final = (
    16 * 2**20
)  # of JSON, or until so much does: an event of a message to thousands names them all
BATCH: Final = 50_000  # events a commit at most
BATCH_BYTES: Final = 8 * 2**20  # in columns, about: sorting and writing take ten times as much for a moment
READ: Final = 200  # events at a time,
READ_BYTES: Final = 2 * 2**20  # and no more than hold so many bytes
SAMPLE: Final = 50  # events that tell how large they are
UPKEEP_SECONDS: Final = 600.0


def _give_back() -> None:
    """Let the system have the memory that a batch took: both allocators keep it for the next one."""
    engines.arrow.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc's own


class Sealer:
    """Copies the log into the table. Several may run: of two with the same events one is refused."""

    def __init__(self, settings: Settings, db: Db, clock: Clock, *, apart: bool = False) -> None:
        """`apart`: the heavy part of upkeep is done by processes of their own."""
        self._settings = settings
        self._apart = apart
        self._db = db
        self._clock = clock
        self._table = Table(settings)
        self._pool = ThreadPoolExecutor(1, "seal")
        # Sealing does not wait for a day that is being sorted.
        self._upkeep = Upkeep(settings)
        self._second = ThreadPoolExecutor(1, "upkeep")
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event, wanted: Callable[[], bool] = lambda: True) -> None:
        """Seal and keep the table in order until `stop`, while that is `wanted` of this process."""
        self._stop = stop
        try:
            await asyncio.gather(
                self._repeat(self._turn, LOOK_SECONDS, stop, wanted),
                self._repeat(self.upkeep, UPKEEP_SECONDS, stop, wanted),
            )
        finally:
            self._pool.shutdown()
            self._second.shutdown()

    async def _repeat(
        self,
        job: Callable[[], Awaitable[Any]],
        seconds: float,
        stop: asyncio.Event,
        wanted: Callable[[], bool],
    ) -> None:
        while not stop.is_set():
            try:
                if wanted():
                    await job()
            except StoreUnavailable:
                pass
            except Exception:
                log.exception("analytics: sealing or upkeep failed; trying again")
            try:
                await asyncio.wait_for(stop.wait(), seconds)
            except TimeoutError:
                continue

    async def _turn(self) -> None:
        position = await self.position()
        first = await self._db.read(events.read, position, SAMPLE)
        if not first:
            return
        head = await self._db.read(events.head)
        old = self._clock.now() - first[0].at >= self._settings.analytics_seal_seconds * SECOND
        size = sum(len(event.data) for event in first) / len(first) * (head - position)
        if old or head - position >= SEAL_EVENTS or size >= SEAL_BYTES:
            # What comes meanwhile is the next turn's: a commit for each handful would never end.
            while position < head and await self.seal():
                position = await self.position()

    async def _thread(self, fn: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, fn, *args)

    async def position(self) -> int:
        """Up to where the table holds the log."""
        return (await self._thread(self._table.version)).position

    async def seal(self) -> bool:
        """Put the next events of the log into the table; False when there are none."""
        return await self._thread(self.seal_now)

    def seal_now(self) -> bool:
        """`seal` for programs without an event loop."""
        before = position = self._table.version().position
        # Piece by piece: an event weighs ten times as much as an object as it does in columns.
        pieces: list[Any] = []
        found = size = 0
        while found < BATCH and size < BATCH_BYTES:
            new = self._db.read_now(events.read, position, READ, READ_BYTES)
            if not new:
                break
            pieces.append(table(new))
            found += len(new)
            size += pieces[-1].nbytes
            position = new[-1].seq
        if not found:
            return False
        failpoints.hit("analytics.sealing")
        self._table.append(engines.arrow.concat_tables(pieces), before, position)
        failpoints.hit("analytics.sealed")
        del pieces
        _give_back()
        return True

    async def upkeep(self) -> None:
        """Let go of what is too old, and keep the table in order."""
        now = self._clock.now()
        usual = now - self._settings.event_retention_days * DAY
        # What the table does not hold yet stays in the log, however old it is.
        sealed = await self.position()
        while await self._db.write(events.expire, usual, sealed):
            pass
        allowed = await self._db.read(terms, now)
        await cut_log(self._db, allowed, usual)
        loop = asyncio.get_running_loop()
        if await loop.run_in_executor(self._second, self._upkeep.tidy, now, allowed):
            if self._apart:
                await settle_apart(self._settings, now, self._stop)
            else:
                await loop.run_in_executor(self._second, self._upkeep.settle, now)
