"""Time, as a parameter: whatever compares or records time takes a `Clock`, so that tests can move it."""

import asyncio
import time

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


class ManualClock(Clock):
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
