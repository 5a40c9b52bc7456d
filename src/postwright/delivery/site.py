"""One destination: its waiting recipients and the connections that work on them."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import cast

from postwright import queue

from .sender import Sender, Trip

log = logging.getLogger("postwright.delivery")

CONNECTIONS = 20  # to one destination from one process
IDLE_SECONDS = 5.0  # an unused connection is kept this long (ZoneMTA's figure, delivery-engineering.md 2.3)


class Site:
    """Recipients that share a destination. Connections come as there is work and go when there is none."""

    def __init__(
        self, name: str, sender: Sender, finished: Callable[[], None], ended: Callable[["Site"], None]
    ) -> None:
        self.name = name
        self._sender = sender
        self._finished = finished  # after each recipient
        self._ended = ended  # nothing waits, nobody works
        self._waiting: deque[queue.Item] = deque()
        self._wake: asyncio.Event = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()
        self._resting = 0
        self._draining = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: queue.Item) -> None:
        """Add a recipient."""
        self._waiting.append(item)
        if self._resting:
            self._wake.set()
        if len(self._waiting) > self._resting and len(self._workers) < CONNECTIONS:
            self._workers.add(asyncio.create_task(self._work()))

    async def drain(self) -> list[queue.Item]:
        """Finish what is being sent; gives back what only waited."""
        self._draining = True
        waiting = list(self._waiting)
        self._waiting.clear()
        self._wake.set()
        await asyncio.gather(*self._workers, return_exceptions=True)
        return waiting

    async def _work(self) -> None:
        trip = self._sender.trip()
        try:
            while True:
                if self._waiting:
                    await self._one(trip)
                elif not trip.connected or not await self._rest():
                    await trip.close()
                    if not self._waiting:  # nothing came during the goodbye
                        return
        finally:
            # Without a wait in between, so that nothing is left to a worker who does not look any more.
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            if not self._waiting and not self._workers:
                self._ended(self)

    async def _one(self, trip: Trip) -> None:
        item = self._waiting.popleft()
        try:
            await trip.deliver(item)
        except Exception:
            # A fault of ours must not take the connection's other recipients with it. This one's lease runs out.
            log.exception("delivery failed", extra={"queue_id": item.id, "site": self.name})
        finally:
            self._finished()

    async def _rest(self) -> bool:
        """Keep an open connection for what may come. False: nothing came."""
        self._resting += 1
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                while not self._waiting and not self._draining:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            return False
        finally:
            self._resting -= 1
        return bool(self._waiting)
