"""The seat of the one projector that reads the log and keeps house."""

import asyncio
import contextlib
import logging

from postwright.kernel import metrics
from postwright.kernel.db import LEAD_SECONDS, RENEW_SECONDS, StoreUnavailable, lead, resign

from .context import Context

log = logging.getLogger("postwright.projector")

_LEADS = metrics.Gauge("projector_leader", "1 where the projector that reads the log runs.").labels()
NAME = "projector"


class Seat:
    """Held by one process of the installation at a time. An embedded store has one projector, which holds it always."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._alone = context.db.dialect == "sqlite"
        self._until = 0.0  # by the loop's clock

    @property
    def ours(self) -> bool:
        """Whether this process has it now."""
        return self._alone or asyncio.get_running_loop().time() < self._until

    async def hold(self, stop: asyncio.Event) -> None:
        """Take it when it is free, keep it, and give it back at `stop`."""
        _LEADS.set(self._alone)
        while not self._alone and not stop.is_set():
            # Counted from before the request: for others it ends no sooner than for us.
            asked = asyncio.get_running_loop().time()
            with contextlib.suppress(StoreUnavailable):
                had = self.ours
                got = await self._context.db.write(lead, NAME, self._context.node, self._context.clock.now())
                self._until = asked + LEAD_SECONDS if got else 0.0
                if got != had:
                    log.info("this projector works" if got else "another projector works now")
            _LEADS.set(self.ours)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RENEW_SECONDS)
        if not self._alone and self.ours:
            self._until = 0.0
            with contextlib.suppress(StoreUnavailable):
                await self._context.db.write(resign, NAME, self._context.node)
