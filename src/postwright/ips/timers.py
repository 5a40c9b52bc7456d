"""What is due by the clock."""

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db
from postwright.kernel.settings import Settings

from . import dynamic, warmup
from .store import dynamic as dynamic_store
from .store import reputations

KEPT = 35 * 86400 * SECOND  # figures older than the longest look back


class Timers:
    """Run now and then; several processes may."""

    def __init__(self, settings: Settings, db: Db, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._plan = warmup.limits(settings.warmup_plan)

    async def run_once(self) -> None:
        """Judge the days of warm-ups that are over, check domains in dynamic pools, and forget old figures."""
        now = self._clock.now()
        await self._db.write(warmup.advance, now, self._plan)
        while await self._db.write(dynamic.check, now):
            pass
        await self._db.write(reputations.expire, now - KEPT)
        await self._db.write(dynamic_store.expire, now - dynamic.HISTORY)
