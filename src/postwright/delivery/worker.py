"""The delivery process: claims due recipients and hands them to their sites."""

import asyncio
import logging
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from postwright import domains, messages, queue
from postwright.failures import classifier
from postwright.ips import Book, Quota
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, StoreUnavailable, beats, living
from postwright.kernel.lookups import Resolver
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings
from postwright.levers import SECONDS as RULES_SECONDS
from postwright.levers import Levers, sweep
from postwright.messages import Loaded
from postwright.spool import Spool
from postwright.tlspolicy import Policies
from postwright.tlsrpt import Collector

from . import metering, waiting
from .admission import READY, Admission
from .connector import Connector
from .destinations import Destinations, Route, Unroutable
from .outcome import Recorder
from .peers import Peers
from .places import Place, Places, Providers, parked_key, parked_scope
from .results import Tally
from .sender import Sender
from .shaping import Board, load_shaping
from .signing import Signers
from .site import Site
from .sources import Sources

log = logging.getLogger("postwright.delivery")

POLL_SECONDS = 0.05  # between looks at an empty queue; a look is one indexed read
TICK_SECONDS = 1.0  # between looks at what other processes suspended and parked
SWEEP_SECONDS = 5.0
SLOW_TICKS = 30  # leases are recovered every so many ticks
IN_FLIGHT = 2000  # recipients claimed and not finished, at most
CLAIM = 100  # recipients a claim
# A site may have a quarter of the room that is left: slow destinations, however many, leave room for the others
# (delivery-engineering.md 1.4). More wait in the store.
SITE_SHARE = 4
PARKED_SITES = 1000  # looked at in a tick
FOREIGN_SECONDS = 30.0  # what other processes have is not looked at again for so long
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
        node: int | None = None,
        mx_port: int = 25,
        sts_port: int = 443,
    ) -> None:
        self._db = db
        self._clock = clock
        self._node = node
        resolver = Resolver(settings)

        async def hosted(domain: str) -> bool:
            return await db.read(domains.account_of_host, domain) is not None

        book = Book(db)
        self._sources = Sources(book, hostname)
        self._destinations = Destinations(
            settings,
            capture_port,
            mx_port,
            clock=clock,
            resolver=resolver,
            hosted=hosted,
            sources=lambda: book.addresses,
        )
        self._tls_results = Collector(db, clock)
        tally = Tally(self._tls_results)
        self._quota = Quota(db, clock, settings.warmup_plan)
        self._connector = Connector(
            self._sources,
            Policies(settings, db, clock, resolver, https_port=sts_port, problem=tally.problem),
            receives=self._destinations.receives,
            results=tally,
        )
        shaping = load_shaping(settings.shaping)
        self.board = Board(db, clock)
        self._admission = Admission(clock, shaping, self.board)
        self._places = Places(self._destinations, shaping)
        self._providers = Providers(clock)
        self._one_site = settings.capture or settings.smarthost is not None
        self._recorder = Recorder(settings, spool)
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
            admission=self._admission,
            places=self._places,
            load=Loader(db, spool, vault).load,
            levers=self._levers,
            quota=self._quota,
        )
        self._sites: dict[str, Site] = {}
        self._asking: dict[str, list[queue.Item]] = {}  # domains that DNS is asked for, and who waits
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._turns = queue.Turns()
        self._parked: dict[str, queue.Turns] = {}
        self._foreign: dict[str, float] = {}
        self._peers = Peers(node) if node is not None else None
        self._dead: set[int] = set()  # processes whose leases are still to be returned
        self._followed: set[int] = set()  # rules to other hosts, for which what was parked has been let go

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and deliver until `stop` is set, then finish what is being sent."""
        while not await self._refresh_levers():  # noqa: ASYNC110  mail that is paused must not leave first
            await asyncio.sleep(STORE_PAUSE_SECONDS)
        ticking = asyncio.create_task(self._tick(stop))
        watching = asyncio.create_task(self._watch_levers(stop))
        try:
            while not stop.is_set():
                try:
                    claimed = await self._unpark() + await self._claim()
                except StoreUnavailable:
                    log.error("the store refuses writes; delivery pauses")
                    await asyncio.sleep(STORE_PAUSE_SECONDS)
                    continue
                if not claimed:
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            ticking.cancel()
            watching.cancel()
            for task in self._tasks:
                task.cancel()
            left = await asyncio.gather(*(site.drain() for site in list(self._sites.values())))
            back = [item for items in (*left, *self._asking.values()) for item in items]
            await self._db.write(queue.give_back, back, self._clock.now())
            await self._quota.give_back(all=True)
            self._sender.close()
            await self._connector.close()
            await self._tls_results.flush()

    # -- what is claimed, and where it goes

    async def _claim(self) -> int:
        """Lease what is due. How many; at least 1 when another look is worth while."""
        room = IN_FLIGHT - self._in_flight
        if self._one_site:
            room = min([room, *(READY - len(site) for site in self._sites.values())])
        if room < CLAIM // 2 or not await self._db.read(queue.any_due, self._clock.now()):
            return 0
        items = await self._db.write(
            queue.claim, self._clock.now(), min(room, CLAIM), self._turns, self._node
        )
        await self._place(items)
        return len(items) or not self._turns.done

    async def _unpark(self) -> int:
        """Lease what was parked for sites that have room again."""
        found = 0
        for key, turns in list(self._parked.items()):
            room = self._room(key)
            if room <= 0:
                continue
            items = await self._db.write(queue.claim_parked, self._clock.now(), key, room, turns, self._node)
            if len(items) < room:
                self._parked.pop(key, None)  # if more is parked the next tick sees it
            found += len(items)
            await self._place(items)
        return found

    def _room(self, key: str) -> int:
        """How many recipients parked under `key` may be taken now."""
        name, source, account = parked_scope(key)
        if self.board.until(name, source, account) or self._foreign.get(key, 0.0) > time.monotonic():
            return 0
        site = self._sites.get(name)
        most, have = (READY, 0) if site is None else (self._admission.most_ready(site.place), len(site))
        if have > most // 2:
            return 0
        return min(most - have, (IN_FLIGHT - self._in_flight) // SITE_SHARE, CLAIM)

    async def _place(self, items: list[queue.Item]) -> None:
        """Hand recipients to their sites; what a site has no room for is parked."""
        overflow: dict[str, list[queue.Item]] = {}
        self._in_flight += len(items)
        try:
            detours = await self._sender.detours(items)
        except Exception:
            # What is leased must get a place all the same, or nobody would give it back.
            log.exception("messages cannot be looked at before their turn")
            detours = {}
        for item in items:
            others = self._asking.get(item.site)
            place = detours.get(item.id)
            if place is None and others is None:
                place = self._places.of(item.site)
            if place is not None:
                self._put(item, place, overflow)
            elif others is not None:
                others.append(item)
            else:
                self._asking[item.site] = [item]
                task = asyncio.create_task(self._ask(item.site))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        await self._park_all(overflow)
        metering.IN_FLIGHT.set(self._in_flight)

    async def _ask(self, domain: str) -> None:
        """Find the site of a domain through DNS, then place who waits for it."""
        try:
            route: Route | Unroutable = await self._destinations.route(domain)
        except Unroutable as no:
            route = no
        place = self._places.at(domain, route)
        if isinstance(route, Route):
            self._providers.found(domain, place)
        overflow: dict[str, list[queue.Item]] = {}
        for item in self._asking.pop(domain):
            self._put(item, place, overflow)
        await self._park_all(overflow)

    def _put(self, item: queue.Item, place: Place, overflow: dict[str, list[queue.Item]]) -> None:
        held = self.board.until(place.site)
        by_account = not held and self.board.until(place.site, "", item.account_id)
        site = self._sites.get(place.site)
        ours = self._admission.ours(place)
        if held or by_account or not ours:
            key = parked_key(place.site, "", item.account_id if by_account else "")
            if not ours:
                self._foreign[key] = time.monotonic() + FOREIGN_SECONDS
            overflow.setdefault(key, []).append(item)
            return
        if site is None:
            site = self._sites[place.site] = Site(
                place, self._sender, finished=self._finished, ended=self._ended, park=self._park
            )
        most = min(self._admission.most_ready(place), max(1, (IN_FLIGHT - self._in_flight) // SITE_SHARE))
        if site.room(item, most):
            site.put(item)
        else:
            overflow.setdefault(parked_key(place.site), []).append(item)

    async def _park_all(self, overflow: dict[str, list[queue.Item]]) -> None:
        for key, items in overflow.items():
            self._in_flight -= len(items)
            metering.overflowed(len(items))
            await self._park(items, key)

    async def _park(self, items: list[queue.Item], key: str) -> None:
        until = self.board.until(*parked_scope(key))
        metering.waits("suspended" if until else "throttled", len(items))
        await self._sender.recorded(waiting.park, self._clock.now(), items, key, until)
        self._parked.setdefault(key, queue.Turns())

    def _finished(self) -> None:
        self._in_flight -= 1

    def _ended(self, site: Site) -> None:
        if self._sites.get(site.place.site) is site:
            del self._sites[site.place.site]

    # -- what happens now and then

    async def _tick(self, stop: asyncio.Event) -> None:
        ticks = 0
        while not stop.is_set():
            try:
                await self._look_around()
                if ticks % SLOW_TICKS == 0:
                    await self._recover()
            except StoreUnavailable:
                pass  # the claim loop reports it
            except Exception:
                log.exception("a look around failed")
            ticks += 1
            await asyncio.sleep(TICK_SECONDS)

    async def _look_around(self) -> None:
        """What others suspended, who shares the limits, what is parked, what has waited too long."""
        now = self._clock.now()
        await self.board.refresh()
        await self._quota.give_back()
        if self._node is not None:
            share = self._admission.gates.share
            alive = await self._db.read(living, "delivery", now)
            if self._node in alive:
                share.rank, share.count = alive.index(self._node), len(alive)
        await self._bury(now)
        if found := self._providers.take():
            await self._db.write(queue.note_providers, now, found)
        for key in await self._db.read(queue.parked_sites, "", PARKED_SITES):
            self._parked.setdefault(key, queue.Turns())
        if self._parked:
            for item in await self._db.write(queue.claim_ended, now, CLAIM, self._node):
                await self._sender.give_up(item)

    async def _bury(self, now: int) -> None:
        """Return what processes held that died."""
        if self._peers is None:
            return
        since = now - queue.LEASE_SECONDS * SECOND  # older leases end by themselves
        self._dead.update(self._peers.died(await self._db.read(beats, "delivery", since)))
        for node in list(self._dead):
            back = await self._db.write(self._recorder.recover, now, node)
            self._dead.discard(node)
            if not back:
                continue  # another process was faster, or it held nothing
            metering.lost(back)
            log.warning(
                "a delivery process died; others take what it held", extra={"node": node, "count": back}
            )

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
        """Read the rules, and who sends from what; when that fails, those of before hold. Whether it worked."""
        try:
            await self._levers.refresh()
            for rule in self._levers.elsewhere:
                if rule.id not in self._followed:
                    await waiting.release(self._db, rule)
                    self._followed.add(rule.id)
            await self._sources.refresh()
        except Exception:
            log.exception("operators' rules cannot be read")
            return False
        return True

    async def _recover(self) -> None:
        await self._sender.renew()
        await self._tls_results.flush()
        back = await self._db.write(self._recorder.recover, self._clock.now())
        if back:
            metering.lost(back)
            log.warning("leases ran out; recipients are back in the queue", extra={"count": back})


class Loader:
    """Loads messages, keeping those with many recipients for the next of them."""

    KEEP = 32  # messages
    KEEP_SIZE = 1024 * 1024  # bytes; a larger one is read again for each recipient

    def __init__(self, db: Db, spool: Spool, vault: Vault) -> None:
        self._db = db
        self._spool = spool
        self._vault = vault
        self._kept: OrderedDict[int, Loaded] = OrderedDict()

    async def load(self, number: int) -> Loaded | None:
        """Message `number`, or None when it is gone."""
        found = self._kept.get(number)
        if found is not None:
            return found
        loaded = await messages.load_any(self._db, self._spool, self._vault, number)
        if loaded is not None and loaded.meta.several and loaded.meta.size <= self.KEEP_SIZE:
            self._kept[number] = loaded
            while len(self._kept) > self.KEEP:
                self._kept.popitem(last=False)
        return loaded
