"""Counting, in memory: a session costs an addition, not a write."""

import logging
from collections import Counter

from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, StoreUnavailable

from . import store
from .records import DAY, Count, Outcome, Policy

log = logging.getLogger("postwright.tlsrpt")

# Different counts between two flushes; what comes on top is not counted, and the log says so.
MAX_KEPT = 50_000
BATCH = 500


class Collector:
    """Counts for one process until they are flushed."""

    def __init__(self, db: Db, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._counts: Counter[tuple[int, Policy, Outcome]] = Counter()
        self._dropped = 0

    def count(self, policy: Policy, outcome: Outcome) -> None:
        """One session."""
        key = (self._clock.now() // DAY, policy, outcome)
        if len(self._counts) < MAX_KEPT or key in self._counts:
            self._counts[key] += 1
        else:
            self._dropped += 1

    async def flush(self) -> None:
        """Add what was counted to the store. What it does not take is kept for the next time."""
        counts, self._counts = self._counts, Counter()
        if self._dropped:
            log.warning("too many TLS results to count", extra={"count": self._dropped})
            self._dropped = 0
        rows = [Count(*key, number) for key, number in counts.items()]
        for at in range(0, len(rows), BATCH):
            try:
                await self._db.write(store.add, rows[at : at + BATCH])
            except StoreUnavailable:
                for row in rows[at:]:
                    self._counts[row.day, row.policy, row.outcome] += row.sessions
                return
