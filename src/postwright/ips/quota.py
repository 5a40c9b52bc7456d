"""How much a process may still send from addresses that are being warmed up."""

import asyncio
from collections.abc import Callable

import msgspec

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db

from . import warmup
from .records import Granted

IDLE_SECONDS = 5  # rights that nobody used go back after this time
AGAIN_SECONDS = 5  # what another process gives back is asked for after this time


class _Batch(msgspec.Struct):
    granted: Granted
    used_at: int
    empty: bool  # there was nothing to have


class Quota:
    """Rights to send, taken from the store some at a time: the caps hold exactly, whoever sends."""

    def __init__(self, db: Db, clock: Clock, plan: str = "") -> None:
        self._db = db
        self._clock = clock
        self._plan = warmup.limits(plan)
        self._batches: dict[tuple[str, str], _Batch] = {}
        self._asking: dict[tuple[str, str], asyncio.Lock] = {}

    async def take(self, address: str, provider: str) -> Callable[[], None] | None:
        """The right to one message; calling it says that it was not used. None: the cap is reached."""
        key = (address, provider)
        now = self._clock.now()
        batch = self._batches.get(key)
        if batch is None or not self._holds(batch, now):
            async with self._asking.setdefault(key, asyncio.Lock()):
                batch = self._batches.get(key)
                if batch is None or not self._holds(batch, now):
                    granted = await self._db.write(warmup.reserve, now, address, provider, self._plan)
                    batch = self._batches[key] = _Batch(granted, now, granted.count == 0)
        if batch.granted.count <= 0:
            return None
        batch.granted.count -= 1
        batch.used_at = now
        taken = batch

        def back() -> None:
            taken.granted.count += 1

        return back

    def _holds(self, batch: _Batch, now: int) -> bool:
        """Whether there is no need to ask the store: it has some, or there was nothing a moment ago."""
        if now >= batch.granted.until:
            return False
        return batch.granted.count > 0 or (batch.empty and now < batch.used_at + AGAIN_SECONDS * SECOND)

    def free_at(self, address: str, provider: str) -> int:
        """When there may be more, as far as is known."""
        batch = self._batches.get((address, provider))
        soon = self._clock.now() + AGAIN_SECONDS * SECOND
        return max(soon, batch.granted.until) if batch is not None else soon

    async def give_back(self, *, all: bool = False) -> None:
        """Return rights that nobody used for a while, or all."""
        now = self._clock.now()
        for key, batch in list(self._batches.items()):
            if not all and now < batch.used_at + IDLE_SECONDS * SECOND:
                continue
            if self._batches.pop(key, None) is batch and batch.granted.count > 0:
                granted = msgspec.structs.replace(batch.granted)
                batch.granted.count = 0
                await self._db.write(warmup.give_back, *key, granted)
