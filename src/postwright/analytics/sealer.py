"""From the log into the table: every minute, or sooner when much happened; and the table's upkeep."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from deltalake.exceptions import DeltaError

from postwright import events
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.settings import Settings

from .columns import DAY, day_of, table
from .table import Table

log = logging.getLogger("postwright.analytics")

T = TypeVar("T")

SEAL_EVENTS: Final = 20_000  # or until so many do
LOOK_SECONDS: Final = 1.0
BATCH: Final = 50_000  # events a commit at most: some 100 MB on the way
READ: Final = 5_000
UPKEEP_SECONDS: Final = 600.0
SMALL_FILES: Final = 16  # of a day, before they are merged
SMALL: Final = 32 * 2**20  # bytes
OLD_FILES_HOURS: Final = 2  # a query that began before a merge may still read them


class Sealer:
    """Copies the log into the table. Several may run: of two with the same events one is refused."""

    def __init__(self, settings: Settings, db: Db, clock: Clock) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._table = Table(settings)
        self._pool = ThreadPoolExecutor(1, "seal")

    async def run(self, stop: asyncio.Event) -> None:
        """Seal and keep the table in order until `stop`."""
        try:
            await asyncio.gather(
                self._repeat(self._turn, LOOK_SECONDS, stop), self._repeat(self.upkeep, UPKEEP_SECONDS, stop)
            )
        finally:
            self._pool.shutdown()

    async def _repeat(self, job: Callable[[], Awaitable[Any]], seconds: float, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
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
        first = await self._db.read(events.read, position, 1)
        if not first:
            return
        head = await self._db.read(events.head)
        old = self._clock.now() - first[0].at >= self._settings.analytics_seal_seconds * SECOND
        if old or head - position >= SEAL_EVENTS:
            while await self.seal():
                pass

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
        found: list[events.Entry] = []
        while len(found) < BATCH and (new := self._db.read_now(events.read, position, READ)):
            found += new
            position = new[-1].seq
        if not found:
            return False
        failpoints.hit("analytics.sealing")
        self._table.append(table(found), before, position)
        failpoints.hit("analytics.sealed")
        return True

    async def upkeep(self) -> None:
        """Merge small files, let go of days that are too old, remove what no version needs."""
        await self._thread(self._upkeep)

    def _upkeep(self) -> None:
        now = self._clock.now()
        oldest = day_of(now - self._settings.analytics_retention_days * DAY)
        version = self._table.version()
        changed = False
        if any(file.day < oldest for file in version.files):
            self._table.delete(f"day < '{oldest}'")
            changed = True
        small: dict[Any, int] = {}
        for file in version.files:
            if file.size < SMALL and file.day >= oldest:
                small[file.day] = small.get(file.day, 0) + 1
        today = day_of(now)
        for day, number in small.items():
            # A day that is over is put in order once and for all, today's files when they are many.
            if number >= SMALL_FILES or (day != today and number > 1):
                changed = self._merge(day) or changed
        if changed:
            self._table.vacuum(OLD_FILES_HOURS)
            self._table.tidy_log()

    def _merge(self, day: Any) -> bool:
        try:
            self._table.merge_small(day)
        except DeltaError as wrong:
            log.info("analytics: another process changed the day meanwhile", extra={"reason": str(wrong)})
            return False
        return True
