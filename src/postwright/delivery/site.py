"""One destination: its waiting recipients and the connections that work on them."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from postwright import queue

from .sender import Sender, Trip

log = logging.getLogger("postwright.delivery")

CONNECTIONS = 20  # to one destination from one process
IDLE_SECONDS = 5.0  # an unused connection is kept this long (ZoneMTA's figure, delivery-engineering.md 2.3)


class Site:
    """Recipients that share a destination. Connections come as there is work and go when there is none."""

    def __init__(self, name: str, sender: Sender, finished: Callable[["Site"], None]) -> None:
        self.name = name
        self._sender = sender
        self._finished = finished
        self._waiting: deque[queue.Item] = deque()
        self._wake: asyncio.Event = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()
        self._resting = 0
        self._draining = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Nothing waits and nobody works."""
        return not self._waiting and not self._workers

    def put(self, item: queue.Item) -> None:
        """Add a recipient."""
        self._waiting.append(item)
        if self._resting:
            self._wake.set()
        elif len(self._workers) < CONNECTIONS:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

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
            while not self._draining:
                if self._waiting:
                    await self._one(trip)
                elif not trip.connected or not await self._rest():
                    return
        finally:
            await trip.close()

    async def _one(self, trip: Trip) -> None:
        item = self._waiting.popleft()
        try:
            await trip.deliver(item)
        except Exception:
            # A fault of ours must not take the connection's other recipients with it. This one's lease runs out.
            log.exception("delivery failed", extra={"queue_id": item.id, "site": self.name})
        finally:
            self._finished(self)

    async def _rest(self) -> bool:
        """Wait for more to do on an open connection. False: nothing came."""
        self._resting += 1
        try:
            await asyncio.wait_for(self._wake.wait(), IDLE_SECONDS)
        except TimeoutError:
            return False
        finally:
            self._resting -= 1
        self._wake.clear()
        return True
