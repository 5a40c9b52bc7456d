"""The delivery process: claims due recipients and hands them to their sites."""

import asyncio
import logging
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from postwright import domains, messages, queue
from postwright.failures import classifier
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.lookups import Resolver
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings
from postwright.levers import SECONDS as RULES_SECONDS
from postwright.levers import Levers, sweep
from postwright.messages import Loaded
from postwright.spool import Spool
from postwright.tlspolicy import Policies
from postwright.tlsrpt import Collector

from . import metering
from .connector import Connector
from .destinations import Destinations
from .outcome import Recorder
from .results import Tally
from .sender import Sender
from .signing import Signers
from .site import Site
from .sources import Sources

log = logging.getLogger("postwright.delivery")

POLL_SECONDS = 0.05  # between looks at an empty queue; a look is one indexed read
RECOVER_SECONDS = 30.0
SWEEP_SECONDS = 5.0
IN_FLIGHT = 2000  # recipients claimed and not finished, at most
CLAIM = 100  # recipients a claim
# A site may hold this many that wait, or a quarter of the room that is left if that is less: slow destinations,
# however many, leave room for the others (delivery-engineering.md 1.4: max_ready). More go back for a moment.
SITE_READY = 200
SITE_SHARE = 4
OVERFLOW_SECONDS = 2
STORE_PAUSE_SECONDS = 1.0  # egress rests while the store refuses writes (delivery-engineering.md 1.3 g)


class Delivery:
    """Delivers until told to stop; then finishes what is in flight."""

    def __init__(
        self,
        *,
        settings: Settings,
        db: Db,
        clock: Clock,
        spool: Spool,
        vault: Vault,
        hostname: str,
        capture_port: Path,
        mx_port: int = 25,
        sts_port: int = 443,
    ) -> None:
        self._db = db
        self._clock = clock
        resolver = Resolver(settings)

        async def hosted(domain: str) -> bool:
            return await db.read(domains.account_of_host, domain) is not None

        self._destinations = Destinations(
            settings, capture_port, mx_port, clock=clock, resolver=resolver, hosted=hosted
        )
        self._tls_results = Collector(db, clock)
        tally = Tally(self._tls_results)
        self._connector = Connector(
            Sources(settings, hostname),
            Policies(settings, db, clock, resolver, https_port=sts_port, problem=tally.problem),
            receives=self._destinations.receives,
            results=tally,
        )
        self._recorder = Recorder(settings)
        self._levers = Levers(db)
        self._sender = Sender(
            db=db,
            clock=clock,
            vault=vault,
            signers=Signers(db, vault, settings),
            recorder=self._recorder,
            classifier=classifier(settings.failure_rules),
            destinations=self._destinations,
            connector=self._connector,
            load=Loader(db, spool).load,
            levers=self._levers,
        )
        self._sites: dict[str, Site] = {}
        self._in_flight = 0
        self._turns = queue.Turns()

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and deliver until `stop` is set, then finish what is being sent."""
        while not await self._refresh_levers():  # noqa: ASYNC110  mail that is paused must not leave first
            await asyncio.sleep(STORE_PAUSE_SECONDS)
        recovering = asyncio.create_task(self._recover(stop))
        watching = asyncio.create_task(self._watch_levers(stop))
        try:
            while not stop.is_set():
                try:
                    claimed = await self._claim()
                except StoreUnavailable:
                    log.error("the store refuses writes; delivery pauses")
                    await asyncio.sleep(STORE_PAUSE_SECONDS)
                    continue
                if not claimed:
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            recovering.cancel()
            watching.cancel()
            left = await asyncio.gather(*(site.drain() for site in self._sites.values()))
            waiting = [item for items in left for item in items]
            await self._db.write(queue.give_back, waiting, self._clock.now())
            await self._connector.close()
            await self._tls_results.flush()

    async def _claim(self) -> int:
        room = IN_FLIGHT - self._in_flight
        if room < CLAIM // 2 or not await self._db.read(queue.any_due, self._clock.now()):
            return 0
        items = await self._db.write(queue.claim, self._clock.now(), min(room, CLAIM), self._turns)
        overflow = [item for item in items if not self._put(item)]
        metering.IN_FLIGHT.set(self._in_flight)
        if overflow:
            metering.overflowed(len(overflow))
            due = self._clock.now() + OVERFLOW_SECONDS * SECOND
            await self._db.write(queue.give_back, overflow, due)
        return len(items) or not self._turns.done

    def _put(self, item: queue.Item) -> bool:
        name = self._destinations.site(item.site)
        site = self._sites.get(name)
        if site is None:
            site = self._sites[name] = Site(name, self._sender, self._finished, self._ended)
        if len(site) >= min(SITE_READY, (IN_FLIGHT - self._in_flight) // SITE_SHARE):
            return False
        self._in_flight += 1
        site.put(item)
        return True

    def _finished(self) -> None:
        self._in_flight -= 1

    def _ended(self, site: Site) -> None:
        self._sites.pop(site.name, None)

    async def _watch_levers(self, stop: asyncio.Event) -> None:
        """Go by operators' rules as of a second ago, and let go of what ended ones still hold."""
        swept = 0.0
        while not stop.is_set():
            await asyncio.sleep(RULES_SECONDS)
            if await self._refresh_levers() and (now := time.monotonic()) - swept > SWEEP_SECONDS:
                swept = now
                with suppress(StoreUnavailable):  # the claim loop reports it
                    await sweep(self._db, self._clock.now())

    async def _refresh_levers(self) -> bool:
        """Read the rules; when that fails, those of before hold. Whether it worked."""
        try:
            await self._levers.refresh()
        except Exception:
            log.exception("operators' rules cannot be read")
            return False
        return True

    async def _recover(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._sender.renew()
                await self._tls_results.flush()
                back = await self._db.write(
                    queue.recover, self._clock.now(), self._recorder.ambiguous_seconds
                )
                if back:
                    metering.lost(back)
                    log.warning("leases ran out; recipients are back in the queue", extra={"count": back})
            except StoreUnavailable:
                pass  # the claim loop reports it
            await asyncio.sleep(RECOVER_SECONDS)


class Loader:
    """Loads messages, keeping those with many recipients for the next of them."""

    KEEP = 32  # messages
    KEEP_SIZE = 1024 * 1024  # bytes; a larger one is read again for each recipient

    def __init__(self, db: Db, spool: Spool) -> None:
        self._db = db
        self._spool = spool
        self._kept: OrderedDict[int, Loaded] = OrderedDict()

    async def load(self, number: int) -> Loaded | None:
        """Message `number`, or None when it is gone."""
        found = self._kept.get(number)
        if found is not None:
            return found
        loaded = await messages.load(self._db, self._spool, number)
        if loaded is not None and loaded.meta.several and loaded.meta.size <= self.KEEP_SIZE:
            self._kept[number] = loaded
            while len(self._kept) > self.KEEP:
                self._kept.popitem(last=False)
        return loaded
