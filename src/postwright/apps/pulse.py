"""A process's signs of life: in the store for the others, in its metrics for who watches."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from postwright.kernel import metrics
from postwright.kernel.db import BEAT_SECONDS, StoreUnavailable, beat

from .context import Context

SECONDS = 1.0

_UP = metrics.Gauge("up", "Processes that run.", ("role",))
_STARTS = metrics.Counter("process_starts_total", "Starts of processes.", ("role",))
_LAG = metrics.Gauge(
    "loop_lag_seconds",
    "How late the event loop was, in the worst process, at the last look.",
    ("role",),
    largest=True,
)


class Pulse:
    """Beats while it is entered."""

    def __init__(self, context: Context, role: str) -> None:
        self._context = context
        self._role = role
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        _UP.labels(self._role).set(1)
        _STARTS.labels(self._role).inc()
        await self._note(self._context.clock.now())
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
        _UP.labels(self._role).set(0)
        await self._note(0)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        lag = _LAG.labels(self._role)
        noted = loop.time()
        while True:
            wanted = loop.time() + SECONDS
            await asyncio.sleep(SECONDS)
            now = loop.time()
            lag.set(max(0.0, now - wanted))
            metrics.beat()
            if now - noted >= BEAT_SECONDS:
                noted = now
                await self._note(self._context.clock.now())

    async def _note(self, now: int) -> None:
        with suppress(StoreUnavailable):  # who looks will see an old beat, which is then the truth
            await self._context.db.write(beat, self._context.node, now)
