"""One connection's work: build, sign, send, record."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import msgspec

from postwright import queue
from postwright.failures import Classifier, Verdict
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.secrets import Vault
from postwright.levers import Levers, Rule, Subject
from postwright.mail.dkim import Signer
from postwright.mail.smtp import Answer, Disconnected, SendResult, SmtpError
from postwright.messages import Loaded, Meta, Personal, Traces, build, decode_personal, personalised
from postwright.templates import CannotRender, RenderFailed
from postwright.tracking import Tokens

from . import metering
from .connector import Connector, HostRefused, Link
from .destinations import Destinations, Host, Route, Unroutable
from .outcome import TEST_MODE, Attempt, Recorder
from .signing import Signers
from .trace import Trace, Try

log = logging.getLogger("postwright.delivery")

MESSAGES_PER_CONNECTION = 100  # KumoMTA's shaped default (delivery-engineering.md 2.3)
STORE_RETRY_SECONDS = 1.0
_UNREACHED = Verdict(False, "generic", "soft", "network")
_NO_ROUTE = {permanent: Verdict(permanent, "generic", "soft", "dns") for permanent in (False, True)}


class Sender:
    """What all connections of a process share."""

    def __init__(
        self,
        *,
        db: Db,
        clock: Clock,
        vault: Vault,
        signers: Signers,
        recorder: Recorder,
        destinations: Destinations,
        connector: Connector,
        load: Callable[[int], Awaitable[Loaded | None]],
        levers: Levers,
        classifier: Classifier,
    ) -> None:
        self.db, self.clock, self.vault = db, clock, vault
        self.signers, self.recorder, self.destinations = signers, recorder, destinations
        self.connector = connector
        self.load = load
        self.levers = levers
        self._classifier = classifier
        self.traces = Traces(vault)
        self._links = Tokens(vault)
        self._begun: dict[int, tuple[queue.Item, float]] = {}  # attempts, and when their lease was confirmed
        self._shared: tuple[int, build.Common] | None = None

    def judged(self, reply: Answer, host: Host) -> Attempt:
        """The attempt that `reply` ended, with the verdict on it."""
        attempt = _of_reply(reply, host)
        if not reply.ok:
            attempt.verdict = self._classifier.judge(reply.code, reply.enhanced, reply.text, reply.command)
        return attempt

    def trip(self) -> "Trip":
        """A new connection's work."""
        return Trip(self)

    @contextmanager
    def holding(self, item: queue.Item) -> Iterator[None]:
        """While an attempt takes long its lease is renewed."""
        self._begun[item.id] = (item, time.monotonic())
        try:
            yield
        finally:
            del self._begun[item.id]

    async def renew(self) -> None:
        """Confirm the leases of long attempts: a server may take more time than a lease lasts."""
        now = time.monotonic()
        for item, confirmed in list(self._begun.values()):
            if now - confirmed > queue.LEASE_SECONDS / 3:
                await self.db.write(queue.start, item, self.clock.now())
                if item.id in self._begun:
                    self._begun[item.id] = (item, now)

    def rerouted(self, item: queue.Item, loaded: Loaded) -> tuple[Loaded, Host | None]:
        """The message as operators' rules want it sent: from other addresses, or to a host that takes it on."""
        rule = self.levers.reroute(self._subject(item, loaded.meta))
        if rule is None or rule.target is None:
            return loaded, None
        target = rule.target
        if target.host:
            return loaded, Host(target.host, target.host, target.port)
        meta = msgspec.structs.replace(loaded.meta, sending_ip="", ips=",".join(target.source_ips))
        return msgspec.structs.replace(loaded, meta=meta), None

    def pause(self, item: queue.Item, meta: Meta) -> Rule | None:
        """The rule that holds a recipient back."""
        return self.levers.pause(self._subject(item, meta))

    def _subject(self, item: queue.Item, meta: Meta) -> Subject:
        def source() -> str:
            chosen = self.connector.sources.choose(meta, self.destinations.site(item.site), "")
            return chosen.address if chosen else ""

        return Subject(item.account_id, item.domain_id, item.site, meta.tags, source)

    def copy(
        self, loaded: Loaded, personal: Personal | None, signers: list[Signer], recipient: str
    ) -> build.Common:
        """The signed copy; one signature serves all recipients of a message that is the same for all."""
        tracked = build.tracked(self._links, loaded.meta, recipient, personal)
        if personal is not None or tracked is not None:
            return build.common(loaded.meta, loaded.content, personal, signers, tracked)
        if self._shared is not None and self._shared[0] == loaded.meta.id:
            return self._shared[1]
        made = build.common(loaded.meta, loaded.content, None, signers)
        if loaded.meta.several:
            self._shared = (loaded.meta.id, made)
        return made


class Trip:
    """One connection after another to one destination, and the messages sent over them."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._link: Link | None = None

    @property
    def connected(self) -> bool:
        """Whether a connection is open that could take another message."""
        return self._link is not None and self._link.client.reusable

    async def deliver(self, item: queue.Item) -> None:
        """Make one attempt for `item` and record it. Never raises for what the network does."""
        sender = self._sender
        loaded = await sender.load(item.message)
        personal = decode_personal(item.personal) if item.personal else None
        if loaded is None:
            # Its message expired or its domain is gone: nothing is left to say about it.
            await self._recorded(queue.finish, item)
            return
        now = sender.clock.now()
        other: Host | None = None
        if sender.levers.any:
            loaded, other = sender.rerouted(item, loaded)
            rule = sender.pause(item, loaded.meta)
            if rule is not None:
                await self._recorded(sender.recorder.hold, now, item, rule)
                metering.held()
                return
        meta = loaded.meta
        if now >= item.give_up_at:
            await self._recorded(sender.recorder.give_up, now, item, meta, personal)
            return
        try:
            if not await sender.db.write(sender.recorder.begin, now, item, meta, personal):
                # Suppressed, or the lease is lost and another worker has it.
                if kind := sender.recorder.refused.pop(item.id, ""):
                    metering.suppressed(kind)
                return
        except StoreUnavailable:
            await asyncio.sleep(STORE_RETRY_SECONDS)
            return  # nothing was sent; the lease will run out
        metering.began(item, now, meta.scheduled_for * SECOND)
        failpoints.hit("delivery.started")
        with sender.holding(item):
            attempt = await self._attempt(item, loaded, personal, other)
        failpoints.hit("delivery.sent")
        await self._recorded(sender.recorder.record, sender.clock.now(), item, meta, personal, attempt)
        failpoints.hit("delivery.recorded")
        metering.ended(item, attempt, sender.connector.sources.ours(attempt.sending_ip))

    async def close(self) -> None:
        """Say goodbye."""
        link, self._link = self._link, None
        if link is not None:
            await link.client.quit()

    async def _recorded(self, *call: object) -> None:
        """Write, and again until the store takes it: an outcome that is not recorded is sent twice."""
        fn, *args = call
        while True:
            try:
                await self._sender.db.write(fn, *args)  # type: ignore[arg-type]
                return
            except StoreUnavailable:
                log.error("the store refuses an outcome; trying again")
                await asyncio.sleep(STORE_RETRY_SECONDS)

    async def _attempt(
        self, item: queue.Item, loaded: Loaded, personal: Personal | None, other: Host | None
    ) -> Attempt:
        meta = loaded.meta
        if meta.test_mode:
            return Attempt(code=TEST_MODE, text="", description="Test mode")
        started = time.monotonic()
        primary, routed = "", 0.0
        site = self._sender.destinations.site(item.site)
        try:
            if other is None:
                route = await self._sender.destinations.route(item.site)
            else:
                route = Route(item.site, [other])
            routed = time.monotonic() - started
            signers = await self._sender.signers.of(meta)
            filled = await personalised(loaded, personal)
            common = self._sender.copy(filled, personal, signers, item.recipient)
            built = build.finish(
                meta, common, item.recipient, self._sender.traces.sid(meta.id, item.recipient)
            )
            primary = built.primary_dkim
            attempt = await self._send(route, site, item, meta, built)
        except Unroutable as no:
            verdict = _NO_ROUTE[no.permanent] if no.code != 499 else _UNREACHED
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
        attempt.trace.timings.dns = routed
        attempt.primary_dkim = primary
        attempt.sending_ip = attempt.sending_ip or meta.sending_ip
        if self._link is not None and not self._link.client.reusable:
            await self.close()
        return attempt

    async def _send(
        self, route: Route, site: str, item: queue.Item, meta: Meta, built: build.Built
    ) -> Attempt:
        """Send it. Raises Unroutable, HostRefused."""
        kept = self._link if await self._suits(route, site, meta) else None
        if kept is None:
            await self.close()
            self._link = await self._sender.connector.open(route, meta, site)
        link = self._link
        assert link is not None
        sender = meta.envelope
        if sender is None:
            sender = self._sender.traces.envelope_sender(meta.id, item.recipient, meta.return_host)
        link.sent += 1
        result: SendResult | None = None
        try:
            result = await link.client.send(sender, [item.recipient], built.data, smtputf8=built.smtputf8)
            attempt = self._sender.judged(result.recipients[0], link.host)
        except (SmtpError, Disconnected) as ended:
            if kept is not None and _went_stale(ended):
                # The server had closed what we kept open, or has had enough on it: no fault of this message.
                await self.close()
                return await self._send(route, site, item, meta, built)
            attempt = (
                self._sender.judged(ended.reply, link.host)
                if isinstance(ended, SmtpError)
                else _of_loss(ended, link.host, site)
            )
        attempt.trace = _trace(link, result, reused=kept is not None)
        attempt.tls, attempt.verified = link.client.tls is not None, link.verified
        attempt.utf8 = "SMTPUTF8" in link.client.capabilities
        attempt.sending_ip = link.source.address or link.client.local_address
        attempt.ehlo = link.source.name
        others = link.host.others(route.hosts) if kept is None and not item.attempts else []
        if others and _disliked(attempt):
            # Some receivers distrust one family of addresses: a first refusal is asked again from the other
            # (delivery-engineering.md 2.1).
            await self.close()
            again = msgspec.structs.replace(route, hosts=others)
            try:
                second = await self._send(again, site, item, meta, built)
            except (Unroutable, HostRefused):
                return attempt
            second.trace.tried.insert(0, _tried(link, attempt))
            return second
        return attempt

    async def _suits(self, route: Route, site: str, meta: Meta) -> bool:
        """Whether the open connection is one that the message could have opened."""
        link = self._link
        if link is None or not link.client.reusable or link.sent >= MESSAGES_PER_CONNECTION:
            return False
        return await self._sender.connector.suits(link, route, meta, site)


def _went_stale(ended: SmtpError | Disconnected) -> bool:
    if isinstance(ended, SmtpError):
        return ended.reply.code == 421
    return ended.stage == "MAIL"


def _disliked(attempt: Attempt) -> bool:
    return 500 <= attempt.code < 600 and attempt.enhanced.startswith("5.7.")


def _tried(link: Link, attempt: Attempt) -> Try:
    problem = f"{attempt.code} {attempt.enhanced} {attempt.text}"
    return Try(link.host.name, link.host.address, attempt.sending_ip, problem, attempt.trace.dialogue)


def _trace(link: Link, result: SendResult | None, *, reused: bool) -> Trace:
    client = link.client
    trace = Trace(reused=reused, tls_policy=link.demand.policy, dialogue=client.dialogue.take())
    if client.tls is not None:
        trace.tls_version, trace.tls_cipher = client.tls.version, client.tls.cipher
    timings = trace.timings
    if not reused:
        opening = client.opening
        timings.connect, timings.greeting = opening.connect, opening.greeting
        timings.ehlo, timings.tls = opening.ehlo, opening.tls
        trace.tried, link.tried = link.tried, []
    if result is not None:
        timings.envelope = result.envelope_seconds
        timings.data, timings.dot = result.data_seconds, result.dot_seconds
    return trace


def _of_reply(reply: Answer, host: Host) -> Attempt:
    return Attempt(
        code=reply.code,
        text=reply.text,
        enhanced=reply.enhanced,
        command=reply.command,
        mx_host=host.name,
        mx_ip=host.address,
    )


def _of_loss(lost: Disconnected, host: Host, site: str) -> Attempt:
    what = "after the message was sent" if lost.after_dot else f"at {lost.stage}"
    return Attempt(
        code=499,
        text="" if lost.after_dot else f"Unable to connect to MX servers: [{site}]",
        description=f"Connection lost {what}",
        mx_host=host.name,
        mx_ip=host.address,
        ambiguous=lost.after_dot,
        verdict=_UNREACHED,
    )
