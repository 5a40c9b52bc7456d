"""One connection after another to one site: admit, begin, send, record."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from postwright import queue
from postwright.failures import Verdict
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND
from postwright.kernel.db import StoreUnavailable, Write
from postwright.mail.smtp import Disconnected, SendResult, SmtpError
from postwright.messages import Meta, build
from postwright.templates import CannotRender, RenderFailed

from . import metering
from .admission import per_connection
from .connector import HostRefused, Link
from .destinations import Route, Unroutable
from .outcome import TEST_MODE, Attempt
from .places import Place, named, provider
from .replies import disliked, of_loss, trace, tried, went_stale
from .sender import STORE_RETRY_SECONDS, Job, Sender
from .shaping import Policy, Slot
from .spans import attempted
from .trace import Trace

log = logging.getLogger("postwright.delivery")

_Call = tuple[Callable[..., Any], tuple[Any, ...]]


class Yard(Protocol):
    """Where a trip's recipients come from, and where they wait."""

    place: Place
    wake: asyncio.Event

    async def pause(self, waiting: Any) -> None:
        """Wait for something, unless the site ends meanwhile (then Stopping)."""

    def ahead(self) -> queue.Item | None:
        """The recipient that is certainly this trip's next one."""

    def put_back(self, item: queue.Item) -> None:
        """Return one that was not attempted."""

    async def park(self, items: list[queue.Item], key: str) -> None:
        """Let recipients wait in the store."""

    def grow(self) -> None:
        """There may be one connection more."""


class Requeue(Exception):
    """The server has had enough for now; the recipient was not attempted."""


class Stopping(Exception):
    """The site ends."""


class Trip:
    """One connection after another to one site, and the messages sent over them."""

    def __init__(self, sender: Sender, yard: Yard) -> None:
        self._sender = sender
        self._yard = yard
        self._link: Link | None = None
        self._slot: Slot | None = None
        self._source = ""  # whose slot it is
        self._outcome: _Call | None = None  # of the last attempt, not yet recorded
        self._unused: Callable[[], None] | None = None  # returns the right to send from an address with a cap
        self.next: Job | None = None  # loaded, and being signed while the one before it is sent

    @property
    def connected(self) -> bool:
        """Whether a connection is open that could take another message."""
        return self._link is not None and self._link.client.reusable

    @property
    def wanted(self) -> bool:
        """Whether others wait for this connection's place."""
        return self._slot is not None and self._slot.wanted

    def rest(self, resting: bool) -> None:
        """The connection is idle (or no longer): who wants its place wakes the site."""
        if self._slot is not None:
            self._slot.rest(self._yard.wake, resting)

    @property
    def idle_seconds(self) -> float:
        """How long the open connection may rest."""
        return self._policy().idle_seconds

    def _policy(self) -> Policy:
        return self._sender.admission.policy(self._yard.place, self._source)

    async def deliver(self, item: queue.Item) -> bool:
        """Make one attempt for `item`. Its outcome is recorded with the begin of the next one, or by `flush`.

        False: it went back to the site. Never raises for what the network does. Raises Stopping.
        """
        self._unused = None
        try:
            return await self._deliver(item)
        finally:
            if self._unused is not None:
                self._unused()

    async def _deliver(self, item: queue.Item) -> bool:
        sender = self._sender
        job, self.next = self.next, None
        if job is None or job.item is not item:
            job = await sender.prepare(item)
        if job.loaded is None:
            # Its message expired or its domain is gone: nothing is left to say about it.
            await sender.recorded(queue.finish, item)
            return True
        meta, now = job.loaded.meta, sender.clock.now()
        rule = sender.pause(job)
        if rule is not None:
            await sender.recorded(sender.recorder.hold, now, item, rule)
            metering.held()
            return True
        if now >= item.give_up_at:
            await sender.recorded(sender.recorder.give_up, now, item, meta, job.personal)
            return True
        route, problem = None, None
        started = time.monotonic()
        if job.other is not None:
            route = Route(item.site, [job.other])
        elif not meta.test_mode and job.failure is None:
            try:
                route = await sender.destinations.route(item.site)
            except Unroutable as no:
                problem = no
        routed = time.monotonic() - started
        sources = sender.connector.sources
        place = self._yard.place
        if route is not None and sources.metered and not place.stays:
            settled = await sources.settle(
                meta, place.site, route.hosts[0].address, named(place, item.site), sender.quota
            )
            meta, self._unused = settled.meta, settled.back
            if settled.wait_until:
                await self.flush()
                await sender.recorded(queue.give_back, [item], settled.wait_until)
                return True
        if route is not None:
            key = await self._admit(route, item, meta)
            if key is not None:
                await self.flush()
                await self._yard.park([item], key)
                return True
        begun = await self._begin(sender.clock.now(), job, meta)
        if not begun:
            if kind := sender.recorder.refused.pop(item.id, ""):
                metering.suppressed(kind)
            return begun is False
        metering.began(item, now, meta.scheduled_for * SECOND)
        failpoints.hit("delivery.started")
        following = self._yard.ahead()
        if following is not None:
            self.next = await sender.prepare(following)
        with sender.holding(item), attempted(item, meta) as step:
            try:
                attempt = step.ended(await self._attempt(job, meta, route, problem))
            except Requeue:
                self._yard.put_back(item)
                return False
        attempt.trace.timings.dns = routed
        failpoints.hit("delivery.sent")
        if route is not None:
            await self._learn(item, attempt)
        now = sender.clock.now()
        self._outcome = (sender.recorder.record, (now, item, meta, job.personal, attempt))
        return True

    async def _begin(self, now: int, job: Job, meta: Meta) -> bool | None:
        """Note that the attempt begins, and in the same transaction what the last one came to.

        False: it must not (suppressed, or the lease is lost and another worker has it). None: it went back to
        the site, because the store refuses.
        """
        sender = self._sender
        outcome = self._outcome
        try:
            begun = await sender.db.write(
                _exchange, outcome, sender.recorder.begin, now, job.item, meta, job.personal
            )
        except StoreUnavailable:
            await self.flush()  # until the store takes it: nothing is sent meanwhile
            await asyncio.sleep(STORE_RETRY_SECONDS)
            self._yard.put_back(job.item)
            return None
        self._outcome = None
        if outcome is not None:
            self._recorded(outcome)
        return begun

    async def flush(self) -> None:
        """Record what is not yet recorded."""
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            await self._sender.recorded(outcome[0], *outcome[1])
            self._recorded(outcome)

    def _recorded(self, outcome: _Call) -> None:
        failpoints.hit("delivery.recorded")
        _, item, _, _, attempt = outcome[1]
        source = self._sender.connector.sources.ours(attempt.sending_ip)
        metering.ended(item, attempt, source, provider(self._yard.place, item.site))

    async def close(self) -> None:
        """Say goodbye and give the connection's place to others."""
        await self._hang_up()
        if self._slot is not None:
            self._slot.release()
            self._slot = None

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.client.quit()

    async def _admit(self, route: Route, item: queue.Item, meta: Meta) -> str | None:
        """Wait for a connection and for our turn. A key: it must not go now, and waits parked under it."""
        admission, place = self._sender.admission, self._yard.place
        source = self._sender.connector.source(meta, place.site, route.hosts[0])
        address = source.address if source is not None else ""
        key = admission.held(place, address, item.account_id)
        if key is not None:
            return key
        if not await self._suits(route, place.site, meta):
            if self._slot is not None and self._source != address:
                await self.close()
            await self._hang_up()
        if self._slot is None:
            await self._take(address)
        at = admission.gates.turn(place.site, address, admission.policy(place, address))
        if self._link is None:
            policy = admission.policy(place, address)
            at = max(at, admission.gates.connect_turn(place.site, address, policy))
        if at > self._sender.clock.now():
            metering.waits("rate")
            await self.flush()
            await self._yard.pause(self._sender.clock.sleep_until(at))
        return None

    async def _take(self, source: str) -> None:
        """Get the right to one connection."""
        while True:
            got = self._sender.admission.slot(self._yard.place, source)
            if isinstance(got, Slot):
                self._slot, self._source = got, source
                return
            metering.waits("connections")
            await self.flush()
            await self._yard.pause(got.wait())

    async def _learn(self, item: queue.Item, attempt: Attempt) -> None:
        """What the reply says about how to treat this site."""
        admission, place = self._sender.admission, self._yard.place
        if attempt.verdict is None:
            if admission.took(place, self._source):
                self._yard.grow()
        elif attempt.answered:
            await admission.refused(place, self._source, item.account_id, attempt)

    async def _attempt(
        self, job: Job, meta: Meta, route: Route | None, problem: Unroutable | None
    ) -> Attempt:
        if meta.test_mode:
            return Attempt(code=TEST_MODE, text="", description="Test mode")
        item, started = job.item, time.monotonic()
        primary = ""
        try:
            if job.failure is not None:
                raise job.failure
            if route is None or job.common is None:
                raise problem or Unroutable(499, f"No way to [{item.site}]")
            common = await job.common
            primary = common.primary_dkim
            attempt = await self._send(route, self._yard.place.site, item, meta, common)
        except Unroutable as no:
            verdict = self._sender.judged_way(no)
            attempt = Attempt(code=no.code, text=no.text, enhanced=no.enhanced, verdict=verdict)
            attempt.trace = Trace(tried=no.tried)
        except (RenderFailed, CannotRender) as no:
            code, enhanced = no.smtp
            verdict = Verdict(isinstance(no, RenderFailed), "generic", "soft")
            attempt = Attempt(code=code, text=no.text, enhanced=enhanced, verdict=verdict)
        except HostRefused as no:
            attempt = self._sender.judged(no.reply, no.host)
            attempt.trace = Trace(tried=no.tried)
        attempt.seconds = time.monotonic() - started
        attempt.primary_dkim = primary
        attempt.sending_ip = attempt.sending_ip or meta.sending_ip
        if self._link is not None and not self._link.client.reusable:
            await self._hang_up()
        return attempt

    async def _send(
        self, route: Route, site: str, item: queue.Item, meta: Meta, common: build.Common
    ) -> Attempt:
        """Send it. Raises Unroutable, HostRefused."""
        kept = self._link  # `_admit` found that it suits
        link = kept or await self._open(route, meta, site)
        sender = meta.envelope
        if sender is None:
            sender = self._sender.traces.envelope_sender(meta.id, item.recipient, meta.return_host)
        sid = self._sender.traces.sid(meta.id, item.recipient)
        via = self._sender.connector.sources.via(link.source.address)
        built = build.finish(meta, common, item.recipient, sid, via)
        link.sent += 1
        self._unused = None  # what was a right to send is used up
        result: SendResult | None = None
        try:
            result = await link.client.send(sender, [item.recipient], built.data, smtputf8=built.smtputf8)
            attempt = self._sender.judged(result.recipients[0], link.host)
        except (SmtpError, Disconnected) as ended:
            if kept is not None and went_stale(ended):
                # The server had closed what we kept open, or has had enough on it: no fault of this message.
                await self._hang_up()
                if isinstance(ended, SmtpError) and not per_connection(ended.reply.code, ended.reply.text):
                    reply = f"{ended.reply.code} {ended.reply.enhanced} {ended.reply.text}"
                    await self._sender.admission.slow_down(self._yard.place, self._source, reply)
                    if self._policy().adaptive:
                        raise Requeue from ended
                return await self._send(route, site, item, meta, common)
            attempt = (
                self._sender.judged(ended.reply, link.host)
                if isinstance(ended, SmtpError)
                else of_loss(ended, link.host, site)
            )
            if isinstance(ended, Disconnected):
                metering.aborted(ended.stage)
        attempt.trace = trace(link, result, reused=kept is not None)
        attempt.tls, attempt.verified = link.client.tls is not None, link.verified
        attempt.utf8 = "SMTPUTF8" in link.client.capabilities
        attempt.sending_ip = link.source.address or link.client.local_address
        attempt.ehlo, attempt.pool = link.source.name, via
        if meta.archive_to and attempt.verdict is None:
            attempt.copy = await self._sender.recorder.keep(built.data)
        others = link.host.others(route.hosts) if kept is None and not item.attempts else []
        if others and disliked(attempt):
            # Some receivers distrust one family of addresses: a first refusal is asked again from the other
            # (delivery-engineering.md 2.1).
            await self._hang_up()
            again = msgspec.structs.replace(route, hosts=others)
            try:
                second = await self._send(again, site, item, meta, common)
            except (Unroutable, HostRefused):
                return attempt
            second.trace.tried.insert(0, tried(link, attempt))
            return second
        return attempt

    async def _open(self, route: Route, meta: Meta, site: str) -> Link:
        """A new connection. Raises Unroutable, HostRefused."""
        admission, place = self._sender.admission, self._yard.place
        gate = admission.gate(place, self._source)
        now = self._sender.clock.now()
        if gate.dead_until > now:
            raise Unroutable(499, gate.problem)  # its hosts were asked a moment ago
        try:
            self._link = await self._sender.connector.open(
                route, meta, site, encrypted=self._policy().require_tls
            )
        except Unroutable as no:
            gate.problem = no.text
            gate.failed(now, self._policy().failures)
            raise
        gate.failures = 0
        return self._link

    async def _suits(self, route: Route, site: str, meta: Meta) -> bool:
        """Whether the open connection is one that the message could have opened."""
        link = self._link
        if link is None or not link.client.reusable:
            return False
        policy = self._policy()
        if link.sent >= policy.messages_per_connection:
            return False
        return await self._sender.connector.suits(link, route, meta, site, encrypted=policy.require_tls)


def _exchange(tx: Write, outcome: _Call | None, begin: Callable[..., bool], *args: Any) -> bool:
    """Record the last attempt and begin the next one, in one transaction."""
    if outcome is not None:
        outcome[0](tx, *outcome[1])
    return begin(tx, *args)
