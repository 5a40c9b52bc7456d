"""Time, as a parameter: whatever compares or records time takes a `Clock`, so that tests can move it."""

import asyncio
import fcntl
import mmap
import os
import time
from pathlib import Path

SECOND = 1_000_000  # the database and all rules count in microseconds since the epoch, UTC


class Clock:
    """The machine's clock."""

    def now(self) -> int:
        """Microseconds since the epoch (UTC)."""
        return time.time_ns() // 1000

    async def sleep_until(self, at: int) -> None:
        """Wait until it is `at` (microseconds since the epoch) or later."""
        while (left := at - self.now()) > 0:  # noqa: ASYNC110  the machine's clock tells nobody
            await asyncio.sleep(left / SECOND)


class Movable(Clock):
    """A clock that can be moved forward."""

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        raise NotImplementedError


class SharedClock(Movable):
    """The machine's clock and how far ahead of it an installation lives, which all its processes see at once.

    How far is in a file of eight octets, which survives a restart: what happened then lies in the past.
    """

    _LOOK_SECONDS = 0.05  # who sleeps is told of a move so late at most

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < mmap.PAGESIZE:
            os.ftruncate(self._file, mmap.PAGESIZE)
        self._map = mmap.mmap(self._file, mmap.PAGESIZE)
        self._ahead = memoryview(self._map).cast("q")  # aligned: read and written as a whole

    def now(self) -> int:
        """Microseconds since the epoch (UTC), as the installation sees it."""
        return time.time_ns() // 1000 + self._ahead[0]

    @property
    def ahead(self) -> int:
        """How far it is ahead of the machine's clock, in microseconds."""
        return self._ahead[0]

    async def sleep_until(self, at: int) -> None:
        """Wait until it is `at` or later, by itself or because it was moved."""
        while (left := at - self.now()) > 0:  # noqa: ASYNC110  another process may move it
            await asyncio.sleep(min(left / SECOND, self._LOOK_SECONDS))

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`, for all processes."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._ahead[0] += max(0, round(seconds * SECOND))
            self._map.flush()
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


class ManualClock(Movable):
    """A clock that stands still until it is moved; for tests."""

    def __init__(self, now: int | None = None) -> None:
        self._now = time.time_ns() // 1000 if now is None else now
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def now(self) -> int:
        """The time it was last set to, in microseconds."""
        return self._now

    async def sleep_until(self, at: int) -> None:
        """Wait until it was moved to `at` or later."""
        if at > self._now:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.append((at, waiting))
            await waiting

    @property
    def next_wake(self) -> int | None:
        """The earliest time that somebody sleeps for."""
        return min((at for at, waiting in self._sleepers if not waiting.done()), default=None)

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self._now += round(seconds * SECOND)
        due = [waiting for at, waiting in self._sleepers if at <= self._now]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._now]
        for waiting in due:
            if not waiting.done():
                waiting.set_result(None)
