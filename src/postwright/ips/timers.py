"""What is due by the clock."""

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db
from postwright.kernel.settings import Settings

from . import warmup
from .store import reputations

KEPT = 35 * 86400 * SECOND  # figures older than the longest look back


class Timers:
    """Run now and then; several processes may."""

    def __init__(self, settings: Settings, db: Db, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._plan = warmup.limits(settings.warmup_plan)

    async def run_once(self) -> None:
        """Judge the days of warm-ups that are over, and forget old figures."""
        now = self._clock.now()
        await self._db.write(warmup.advance, now, self._plan)
        await self._db.write(reputations.expire, now - KEPT)
