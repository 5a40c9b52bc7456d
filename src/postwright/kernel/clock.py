"""Time, as a parameter: whatever compares or records time takes a `Clock`, so that tests can move it."""

import time

SECOND = 1_000_000  # the database and all rules count in microseconds since the epoch, UTC


class Clock:
    """The machine's clock."""

    def now(self) -> int:
        """Microseconds since the epoch (UTC)."""
        return time.time_ns() // 1000


class ManualClock(Clock):
    """A clock that stands still until it is moved; for tests."""

    def __init__(self, now: int | None = None) -> None:
        self._now = time.time_ns() // 1000 if now is None else now

    def now(self) -> int:
        """The time it was last set to, in microseconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self._now += int(seconds * SECOND)
