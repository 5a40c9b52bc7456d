"""What all connections of a process share: loading, signing ahead of the connection, leases of long attempts."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from postwright import messages, queue
from postwright.failures import Classifier, Verdict
from postwright.ips import Quota
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.secrets import Vault
from postwright.levers import Levers, Rule, Subject
from postwright.mail.smtp import Answer
from postwright.messages import Loaded, Meta, Personal, Traces, build, decode_personal, personalised
from postwright.templates import CannotRender, RenderFailed
from postwright.tracking import Tokens

from .admission import Admission
from .connector import Connector
from .copies import Copies
from .destinations import Destinations, Host, Unroutable
from .outcome import Attempt, Recorder
from .places import TEST, Place, Places, provider
from .replies import UNREACHED, of_reply
from .signing import Signers

log = logging.getLogger("postwright.delivery")

STORE_RETRY_SECONDS = 1.0
SHARED = 16  # messages to several recipients whose signed copy is kept for the next of them
SHARED_SIZE = 1024 * 1024


class Job(msgspec.Struct):
    """A recipient with all that is needed to send to it. `loaded` None: its message is gone."""

    item: queue.Item
    loaded: Loaded | None
    personal: Personal | None = None
    common: "asyncio.Future[build.Common] | None" = None  # being built and signed
    other: Host | None = None  # where an operator's rule sends it instead
    failure: RenderFailed | CannotRender | None = None  # why there is no copy


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
        admission: Admission,
        places: Places,
        load: Callable[[int], Awaitable[Loaded | None]],
        levers: Levers,
        quota: Quota,
        classifier: Classifier,
    ) -> None:
        self.db, self.clock, self.vault = db, clock, vault
        self.signers, self.recorder, self.destinations = signers, recorder, destinations
        self.connector = connector
        self.admission = admission
        self.places = places
        self.load = load
        self.levers = levers
        self.quota = quota
        self._classifier = classifier
        self.traces = Traces(vault)
        self._links = Tokens(vault)
        self._begun: dict[int, tuple[queue.Item, float]] = {}  # attempts, and when their lease was confirmed
        self._shared: OrderedDict[int, asyncio.Future[build.Common]] = OrderedDict()
        self._copies = Copies()

    def close(self) -> None:
        """Stop the signing threads."""
        self._copies.close()

    async def prepare(self, item: queue.Item) -> Job:
        """Load the message of `item` and begin to build and sign its copy."""
        loaded = await self.load(item.message)
        if loaded is None:
            return Job(item, None)
        other: Host | None = None
        if self.levers.any:
            loaded, other = self._rerouted(item, loaded)
        personal = decode_personal(item.personal) if item.personal else None
        job = Job(item, loaded, personal, other=other)
        if not loaded.meta.test_mode and self.clock.now() < item.give_up_at:
            try:
                filled = await personalised(loaded, personal)
            except (RenderFailed, CannotRender) as no:
                job.failure = no
            else:
                job.common = await self._copy(filled, personal, item.recipient)
        return job

    def judged(self, reply: Answer, host: Host) -> Attempt:
        """The attempt that `reply` ended, with the verdict on it."""
        attempt = of_reply(reply, host)
        if not reply.ok:
            attempt.verdict = self._classifier.judge(reply.code, reply.enhanced, reply.text, reply.command)
        return attempt

    def judged_way(self, no: Unroutable) -> Verdict:
        """The verdict on a destination that there is no way to.

        What DNS says for good (a null MX, nothing but private addresses) is judged like a reply that says so. A
        domain that does not exist is `generic` with 498, as Mailgun has it (behaviour.md 5.2).
        """
        if no.code == 499:
            return UNREACHED
        if no.permanent and no.code >= 500:
            return self._classifier.judge(no.code, no.enhanced, no.text, "CONNECT")
        return Verdict(no.permanent, "generic", "soft", "dns")

    def pause(self, job: Job) -> Rule | None:
        """The operator's rule that holds a recipient back."""
        if not self.levers.any or job.loaded is None:
            return None
        return self.levers.pause(self._subject(job.item, job.loaded.meta))

    def _rerouted(self, item: queue.Item, loaded: Loaded) -> tuple[Loaded, Host | None]:
        """The message as operators' rules want it sent: from other addresses, or to a host that takes it on."""
        rule = self.levers.reroute(self._subject(item, loaded.meta))
        if rule is None or rule.target is None:
            return loaded, None
        target = rule.target
        if target.host:
            return loaded, Host(target.host, target.host, target.port)
        addresses = target.source_ips or self.connector.sources.in_pool(target.pool)
        if not addresses:
            return loaded, None  # the pool has none any more: as if nothing had been said
        meta = msgspec.structs.replace(loaded.meta, ips=",".join(addresses))
        return msgspec.structs.replace(loaded, meta=meta), None

    async def detours(self, items: Sequence[queue.Item]) -> dict[int, Place]:
        """Where those wait, by their numbers, that do not go where their domain leads.

        Test mode needs no route, and what an operator's rule sends to another host does not wait for the first.
        Only where it may matter is a message looked at for that.
        """
        rerouted = self.levers.elsewhere
        looked = items if rerouted else [each for each in items if self.places.of(each.site) is None]
        if not looked:
            return {}
        metas = await self.db.read(messages.metas, {item.message for item in looked})
        found: dict[int, Place] = {}
        for item in looked:
            meta = metas.get(item.message)
            if meta is None:
                continue
            if meta.test_mode:
                found[item.id] = TEST
            elif rerouted:
                rule = self.levers.reroute(self._subject(item, meta))
                if rule is not None and rule.target is not None and rule.target.host:
                    found[item.id] = Place(str(rule.target), local=True)
        return found

    def _subject(self, item: queue.Item, meta: Meta) -> Subject:
        place = self.places.of(item.site)

        def source() -> str:
            chosen = self.connector.sources.choose(meta, place.site if place else item.site, "")
            return chosen.address if chosen else ""

        return Subject(
            item.account_id, item.domain_id, item.site, meta.tags, source, provider(place, item.site)
        )

    async def _copy(
        self, loaded: Loaded, personal: Personal | None, recipient: str
    ) -> "asyncio.Future[build.Common]":
        """The signed copy; one signature serves all recipients of a message that is the same for all."""
        meta = loaded.meta
        tracked = build.tracked(self._links, meta, recipient, personal)
        shared = personal is None and tracked is None
        if shared:
            found = self._shared.get(meta.id)
            if found is not None:
                return found
        signers = await self.signers.of(meta)
        made = self._copies.make(meta, loaded.content, personal, signers, tracked)
        if shared and meta.several and meta.size <= SHARED_SIZE:
            self._shared[meta.id] = made
            if len(self._shared) > SHARED:
                self._shared.popitem(last=False)
        return made

    async def give_up(self, item: queue.Item) -> None:
        """End a recipient whose time is over without a connection."""
        loaded = await self.load(item.message)
        if loaded is None:
            await self.recorded(queue.finish, item)
            return
        personal = decode_personal(item.personal) if item.personal else None
        await self.recorded(self.recorder.give_up, self.clock.now(), item, loaded.meta, personal)

    async def recorded(self, *call: object) -> None:
        """Write, and again until the store takes it: an outcome that is not recorded is sent twice."""
        fn, *args = call
        while True:
            try:
                await self.db.write(fn, *args)  # type: ignore[arg-type]
                return
            except StoreUnavailable:
                log.error("the store refuses an outcome; trying again")
                await asyncio.sleep(STORE_RETRY_SECONDS)

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
