"""One destination: its waiting recipients and the connections that work on them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from postwright import queue

from .places import Place, parked_key
from .ready import Ready
from .sender import Sender
from .trip import Stopping, Trip

log = logging.getLogger("postwright.delivery")

Park = Callable[[list[queue.Item], str], Awaitable[None]]


class Site:
    """Recipients that share a destination. Connections come as there is work and go when there is none."""

    def __init__(
        self,
        place: Place,
        sender: Sender,
        *,
        finished: Callable[[], None],
        ended: Callable[["Site"], None],
        park: Park,
    ) -> None:
        self.place = place
        self.wake: asyncio.Event = asyncio.Event()
        self._sender = sender
        self._finished = finished  # after each recipient
        self._ended = ended  # nothing waits, nobody works
        self._park = park
        self._ready = Ready()
        self._trips: set[Trip] = set()
        self._workers: set[asyncio.Task[None]] = set()
        self._pausing: set[asyncio.Task[Any]] = set()
        self._resting = 0
        self._draining = False

    def __len__(self) -> int:
        return len(self._ready)

    def room(self, item: queue.Item, most: int) -> bool:
        """Whether one more recipient may come in."""
        return self._ready.room(item, most)

    def put(self, item: queue.Item) -> None:
        """Add a recipient."""
        self._ready.put(item)
        if self._resting:
            self.wake.set()
        self.grow()

    def grow(self) -> None:
        """Open one connection more if there is work for it and it may be."""
        if len(self._ready) <= self._resting or self._draining:
            return
        if len(self._workers) < max(1, self._most_workers()):
            self._workers.add(asyncio.create_task(self._work()))

    def _most_workers(self) -> int:
        admission = self._sender.admission
        return sum(admission.connections(self.place, source) for source in self._sources())

    def _sources(self) -> list[str]:
        return self._sender.connector.addresses()

    # -- what a trip asks of its site

    async def pause(self, waiting: Any) -> None:
        """Wait for something. Raises Stopping when the site ends meanwhile."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._pausing.add(task)
        try:
            await waiting
        except asyncio.CancelledError:
            if not self._draining:
                raise
            task.uncancel()
            raise Stopping from None
        finally:
            self._pausing.discard(task)
        if self._draining:
            raise Stopping

    def ahead(self) -> queue.Item | None:
        """The next recipient, when there is enough for those who rest as well."""
        if self._draining or len(self._ready) <= self._resting:
            return None
        return self._ready.take()

    def put_back(self, item: queue.Item) -> None:
        """Return one that was not attempted."""
        self._ready.put_back(item)
        if self._resting:
            self.wake.set()

    async def park(self, items: list[queue.Item], key: str) -> None:
        """Let recipients wait in the store; with what holds back the whole site, all of them."""
        if key == parked_key(self.place.site):
            waiting = self._ready.clear()
            for _ in waiting:
                self._finished()
            items = [*items, *waiting]
        await self._park(items, key)

    # -- its life

    async def drain(self) -> list[queue.Item]:
        """Finish what is being sent; gives back what only waited."""
        self._draining = True
        waiting = self._ready.clear()
        self.wake.set()
        for task in list(self._pausing):
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        return waiting + self._ready.clear()

    async def _work(self) -> None:
        trip = Trip(self._sender, self)
        self._trips.add(trip)
        try:
            while len(self._workers) <= max(1, self._most_workers()):
                if trip.next is not None:
                    await self._one(trip, trip.next.item)
                elif self._ready:
                    await self._one(trip, self._ready.take())
                else:
                    await trip.flush()
                    if self._ready or self._taken_over(trip):
                        continue
                    if not trip.connected or not await self._rest(trip):
                        await trip.close()
                        if not self._ready or self._draining:  # nothing came during the goodbye
                            return
        except Stopping:
            pass
        finally:
            # Without a wait in between, so that nothing is left to a worker who does not look any more.
            self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            self._trips.discard(trip)
            if trip.next is not None:
                self.put_back(trip.next.item)
                trip.next = None
            await trip.flush()
            await trip.close()
            if not self._ready and not self._workers:
                self._ended(self)

    def _taken_over(self, trip: Trip) -> bool:
        """Whether something was found that another connection had only looked at ahead: it may take long there."""
        if not self._draining:
            for other in self._trips:
                if other.next is not None and other is not trip:
                    trip.next, other.next = other.next, None
                    return True
        return False

    async def _one(self, trip: Trip, item: queue.Item) -> None:
        if self._draining:
            # It was only looked at ahead.
            trip.next = None
            self._ready.put_back(item)
            raise Stopping
        try:
            gone = await trip.deliver(item)
        except Stopping:
            self._ready.put_back(item)
            raise
        except Exception:
            # A fault of ours must not take the connection's other recipients with it. This one's lease runs out.
            log.exception("delivery failed", extra={"queue_id": item.id, "site": self.place.site})
            gone = True
        if gone:
            self._finished()

    async def _rest(self, trip: Trip) -> bool:
        """Keep an open connection for what may come. False: nothing came, or another needs its place."""
        self._resting += 1
        trip.rest(True)
        try:
            async with asyncio.timeout(trip.idle_seconds):
                while not self._ready and not self._draining and not trip.wanted:
                    self.wake.clear()
                    await self.wake.wait()
        except TimeoutError:
            return False
        finally:
            trip.rest(False)
            self._resting -= 1
        return bool(self._ready)
