"""The table's upkeep: what is too old goes, days that are over are put in order, and digests are made.

While a day lasts its events come in small files, each in order for itself; these are only put together. Once it is
over it is sorted as a whole, by account and time, so that whoever asks about one account reads only its part.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from typing import Any, Final

from postwright.kernel.settings import Settings

from . import digests, engines
from .columns import DAY, FIELDS, day_of
from .retention import Terms
from .table import ORDER, Conflict, File, Table

log = logging.getLogger("postwright.analytics")

SMALL_FILES: Final = 16  # of today, before they are put together
SMALL: Final = 32 * 2**20  # bytes
OLD_FILES_HOURS: Final = 2  # a query that began before a change may still read them
MEMORY: Final = "256MB"
BATCH: Final = 8_192  # rows on their way from the sort to the writer


class Upkeep:
    """Keeps one table in order. Any number of processes may do it: of two that change a day one does it in vain."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._table = Table(settings)
        self._spill = settings.data_dir / "analytics-spill"
        self._expired: date | None = None  # the day on which that was last done

    def tidy(self, now: int, allowed: Terms) -> bool:
        """Do what is light; whether there is something to settle as well."""
        today = day_of(now)
        if self._expired != today:
            if self._expire(now, allowed):
                self._clean()
            self._expired = today
        return self._is_scattered(today) or bool(self._unsettled(today))

    def settle(self, now: int) -> None:
        """Put files together, days in order, and make digests: this takes a gigabyte of memory for a large day."""
        today = day_of(now)
        changed = self._is_scattered(today) and self._tried(self._table.merge_small, today)
        self._spill.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(self._engine()) as engine:
            for day, files in self._unsettled(today).items():
                changed = self._settle(engine, day, files, is_over=day < today) or changed
        if changed:
            self._clean()

    def _clean(self) -> None:
        self._table.vacuum(OLD_FILES_HOURS)
        self._table.tidy_log()
        self._table.drop_digests()

    def _days(self) -> dict[date, list[File]]:
        days: dict[date, list[File]] = {}
        for file in self._table.version().files:
            days.setdefault(file.day, []).append(file)
        return days

    def _is_scattered(self, today: date) -> bool:
        small = [file for file in self._days().get(today, ()) if file.size < SMALL]
        return len(small) >= SMALL_FILES

    def _expire(self, now: int, allowed: Terms) -> bool:
        oldest = day_of(now - self._settings.analytics_retention_days * DAY)
        doomed = [f"day < '{oldest}'"] if any(day < oldest for day in self._days()) else []
        doomed += [condition for floor in allowed.floors for condition in floor.doomed()]
        done = [self._tried(self._table.delete, condition) for condition in doomed]
        return any(done)

    def _unsettled(self, today: date) -> dict[date, list[File]]:
        """Days with something to do: several files without digests, or a large one."""
        made = self._table.digests(digests.PEOPLE)
        return {
            day: files
            for day, files in self._days().items()
            if any(
                file.name not in made and (file.rows >= digests.LARGE or (len(files) > 1 and day < today))
                for file in files
            )
        }

    def _settle(self, engine: Any, day: date, files: Sequence[File], *, is_over: bool) -> bool:
        made = self._table.digests(digests.PEOPLE)
        new = [file for file in files if file.name not in made]
        # One large file alone is in order: it was when it was written (erasure keeps the order).
        sorts = is_over and len(files) > 1 and (len(new) > 1 or new[0].rows < digests.LARGE)
        if sorts:
            if not self._tried(self._sort, engine, day, files):
                return False
            new = self._days().get(day, [])
        for file in new:
            if file.rows >= digests.LARGE or (is_over and len(new) > 1):
                digests.make(self._table, file, engine, self._spill)
        return sorts

    def _sort(self, engine: Any, day: date, files: Sequence[File]) -> None:
        names = ", ".join(f"$day AS {name}" if name == "day" else name for name in FIELDS)
        held = "read_parquet($files, hive_partitioning = false)"
        query = f"SELECT {names} FROM {held} ORDER BY {', '.join(ORDER)}"  # noqa: S608
        values = {"day": day, "files": self._table.local(files)}
        self._table.rewrite(day, engine.sql(query, params=values).to_arrow_reader(BATCH))

    def _tried(self, change: Callable[..., Any], *args: Any) -> bool:
        try:
            return bool(change(*args) != 0)
        except Conflict as wrong:
            log.info("analytics: another process changed the same meanwhile", extra={"reason": str(wrong)})
            return False

    def _engine(self) -> "engines.duckdb.DuckDBPyConnection":
        return engines.duckdb.connect(
            config={"threads": 1, "memory_limit": MEMORY, "temp_directory": str(self._spill)}
        )


async def settle_apart(settings: Settings, now: int, stop: asyncio.Event) -> None:
    """`Upkeep.settle` in a process of its own, which gives the memory back and yields to all others.

    At `stop` it is killed: what it has not committed is as if it had never begun.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    working = asyncio.create_task(process.communicate(pickle.dumps((settings, now))))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await working
    if process.returncode and not stop.is_set():
        log.warning("analytics: settling days failed", extra={"status": process.returncode})


def _main() -> None:
    os.nice(10)
    settings, now = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  from our own parent
    Upkeep(settings).settle(now)


if __name__ == "__main__":
    _main()
