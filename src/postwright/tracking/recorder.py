"""From hits to events: who it was, whether a machine, whether the first time."""

import asyncio
import contextlib
import logging
import zlib
from pathlib import Path
from typing import Any

import msgspec

from postwright import domains, events
from postwright.events import Event
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, StoreUnavailable, Write
from postwright.kernel.metrics import Counter

from . import store
from .clients import client
from .journal import SUFFIX, Hit, Journal
from .places import Places, is_public
from .tokens import unpack_id

log = logging.getLogger("postwright.tracking")

_HITS = Counter(
    "track_hits_total", "Opens and clicks told, by the kind of machine where it was one.", ("kind", "bot")
)

BATCH = 32  # hits a transaction: the loop that writes them also answers
PAUSE_SECONDS = 1.0
SAME_OPEN = 60 * SECOND  # opens within it are one (delivery-engineering.md 8)
UNIQUE_FOR = 7 * 86400 * SECOND  # a first open or click counts again after it (architecture.md 5)
KEEP = 8 * 86400 * SECOND
# A click this soon after delivery, without an open, or so many links so quickly: a scanner (8).
SCAN_AFTER = 2 * SECOND
SCAN_LINKS, SCAN_WITHIN = 3, 3 * SECOND
MAX_DOMAINS = 10_000
DOMAIN_SECONDS = 5.0


class _Said(msgspec.Struct, rename="kebab"):
    """What an earlier event of the same copy says that a later one repeats."""

    tags: list[str] = []
    user_variables: Any = msgspec.field(default_factory=dict)
    recipient_provider: str = "Other"
    mailing_list: Any = None
    template: Any = None


class Context(msgspec.Struct):
    """A copy, as far as the log still knows it."""

    said: _Said
    delivered_at: int = 0  # microseconds; 0: not known


_decode_said = msgspec.json.Decoder(_Said).decode
_decode_recent = msgspec.json.Decoder(list[tuple[int, int]]).decode


def context(tx: Read, domain_id: str, message_id: str, recipient: str) -> Context | None:
    """What the log knows about a copy; None when nothing is left."""
    found: Context | None = None
    for name, at, data in events.of_copy(tx, domain_id, message_id, recipient) if message_id else ():
        if found is None:
            found = Context(_decode_said(data))
        if name == "delivered":
            found.delivered_at = at
    return found


class Recorder:
    """Takes hits in, and tells them to the event log."""

    def __init__(self, *, db: Db, clock: Clock, folder: Path, places: Places) -> None:
        self._db = db
        self._clock = clock
        self._folder = folder
        self._places = places
        self._journal: Journal | None = None
        self._news = asyncio.Event()
        self._domains: dict[str, tuple[int, domains.Domain | None]] = {}

    def take(self, hit: Hit) -> None:
        """Keep a hit; when this returns it survives the process."""
        if self._journal is None:
            self._journal = Journal.create(self._folder)
        try:
            self._journal.append(hit)
        except OSError as wrong:
            # Whoever follows a link gets where it leads, even when the disk is full.
            log.error("a hit could not be kept", extra={"reason": str(wrong)})
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Tell hits until `stop`, first those that dead processes left; then the rest."""
        stopped = asyncio.ensure_future(stop.wait())
        # Reading the patterns of all known programs takes half a second, once: not on the loop that answers.
        await asyncio.to_thread(client, "")
        adopted = False
        try:
            while not stop.is_set():
                if not adopted:
                    adopted = await self._adopt_all(stop)
                    continue
                news = asyncio.ensure_future(self._news.wait())
                await asyncio.wait((news, stopped), return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                self._news.clear()
                await self._tell_all(stop)
        finally:
            stopped.cancel()

    async def finish(self) -> None:
        """Tell what is left, once nothing more comes, and remove the file."""
        if self._journal is not None:
            await self._tell(self._journal)
            if self._journal.position >= self._journal.size:
                await self._drop(self._journal)
            self._journal = None

    async def _adopt_all(self, stop: asyncio.Event) -> bool:
        try:
            await self._adopt()
        except StoreUnavailable:
            await self._pause(stop)
            return False
        return True

    async def _adopt(self) -> None:
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if self._journal is not None and path == self._journal.path:
                continue
            left = Journal.adopt(path)
            if left is None:
                continue
            left.position = await self._db.read(store.position, left.name)
            if left.position < left.size:
                log.warning("taking over hits of a process that died", extra={"journal": left.name})
            await self._tell(left)
            await self._drop(left)

    async def _tell_all(self, stop: asyncio.Event) -> None:
        journal = self._journal
        if journal is None:
            return
        try:
            await self._tell(journal)
        except StoreUnavailable:
            self._news.set()
            await self._pause(stop)
            return
        if journal.full:
            self._journal = None
            await self._drop(journal)

    async def _pause(self, stop: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)

    async def _tell(self, journal: Journal) -> None:
        most = BATCH
        while True:
            hits, position = journal.read(most)
            if not hits:
                return
            failpoints.hit("tracking.telling")
            try:
                for name, bot in await self._db.write(self._store, journal.name, position, hits):
                    _HITS.labels(name, bot).inc()
            except StoreUnavailable:
                raise
            except Exception:
                # One hit that cannot be told must not hold up all others: alone it is passed over.
                if len(hits) > 1:
                    most = 1
                    continue
                log.exception("a hit cannot be told")
                await self._db.write(store.set_position, journal.name, position)
            journal.position = position

    async def _drop(self, journal: Journal) -> None:
        journal.remove()
        await self._db.write(store.drop_journal, journal.name)

    def _store(self, tx: Write, name: str, position: int, hits: list[Hit]) -> list[tuple[str, str]]:
        """Tell hits; name and kind of machine of each event that came of them."""
        events.hold(tx)
        told = [event for hit in hits if (event := self._event(tx, hit)) is not None]
        if told:
            events.append(tx, self._clock.now(), told)
        store.set_position(tx, name, position)
        return [(event.name, event.data["client-info"].get("bot", "")) for event in told]

    def _event(self, tx: Write, hit: Hit) -> Event | None:
        """The event of a hit; None when it is an open seen a moment ago, or its domain is gone."""
        domain = self._domain(tx, hit.domain_id.hex())
        if domain is None:
            return None
        message_id = unpack_id(hit.message, domain.name)
        about = context(tx, domain.id, message_id, hit.recipient)
        key = (domain.id, message_id.lower(), hit.recipient.lower())
        rows = {(row[0], row[1]): row[2:] for row in store.engaged(tx, *key)}
        who = client(hit.agent)
        recent = _recent(rows, hit) if hit.name == "clicked" else []
        bot = who.bot or ("generic" if _is_machine(hit, about, recent, opened=("opened", "") in rows) else "")
        unique_at, last_at, _ = rows.get((hit.name, bot), (0, 0, ""))
        if hit.name == "opened" and hit.at - last_at < SAME_OPEN:
            return None
        unique = hit.at - unique_at >= UNIQUE_FOR
        store.remember(
            tx,
            (*key, hit.name, bot),
            hit.at if unique else unique_at,
            max(hit.at, last_at),
            msgspec.json.encode(recent).decode(),
            known=(hit.name, bot) in rows,
        )
        data = engagement(domain, message_id, hit.recipient, about)
        data |= {"ip": hit.ip, "client-info": who.info(bot), "geolocation": self._places.find(hit.ip)}
        if hit.url:
            data["url"] = hit.url
        if unique:
            data["i-unique"] = True
        return Event(
            name=hit.name,
            account_id=domain.account_id,
            domain_id=domain.id,
            recipient=hit.recipient,
            message_id=message_id,
            data=data,
        )

    def _domain(self, tx: Read, domain_id: str) -> domains.Domain | None:
        now = self._clock.now()
        until, domain = self._domains.get(domain_id, (0, None))
        if until < now:
            if len(self._domains) >= MAX_DOMAINS:
                self._domains.clear()
            domain = domains.by_id(tx, domain_id)
            self._domains[domain_id] = (now + int(DOMAIN_SECONDS * SECOND), domain)
        return domain


def engagement(
    domain: domains.Domain, message_id: str, recipient: str, about: Context | None
) -> dict[str, Any]:
    """The members that opened, clicked and unsubscribed share (behaviour.md 6.3)."""
    said = about.said if about is not None else _Said()
    data: dict[str, Any] = {
        "account": {"id": domain.account_id},
        "domain": {"name": domain.name},
        "recipient": recipient,
        "recipient-domain": recipient.rpartition("@")[2],
        "recipient-provider": said.recipient_provider,
        "message": {"headers": {"message-id": message_id}},
        "tags": said.tags,
        "campaigns": [],
        "user-variables": said.user_variables,
    }
    if about is not None and about.delivered_at:
        data["delivered-at"] = about.delivered_at // SECOND
    if said.mailing_list is not None:
        data["mailing-list"] = said.mailing_list
    if said.template is not None:
        data["template"] = said.template
    return data


def _recent(rows: dict[tuple[str, str], tuple[Any, ...]], hit: Hit) -> list[tuple[int, int]]:
    """Times and names of the different links clicked in the last moments, this one included."""
    seen = {
        link: at
        for (name, _), (_, _, recent) in rows.items()
        if name == "clicked"
        for at, link in _decode_recent(recent)
        if hit.at - at < SCAN_WITHIN
    }
    # Names only have to differ for different links of one message.
    seen[zlib.crc32(hit.url.encode("utf-8", "replace"))] = hit.at
    return [(at, link) for link, at in sorted(seen.items(), key=lambda item: item[1])][-SCAN_LINKS:]


def _is_machine(hit: Hit, about: Context | None, recent: list[tuple[int, int]], *, opened: bool) -> bool:
    """Whether a program that looks at mail for others made the hit.

    What is too quick for a person counts only from public addresses: from this machine or network come people
    (and tests) that look at what they have just sent, and no receiver's scanner.
    """
    if hit.head:
        return True
    if hit.name != "clicked" or not is_public(hit.ip):
        return False
    if len(recent) >= SCAN_LINKS:
        return True
    if about is None or opened:
        return False
    return not about.delivered_at or hit.at - about.delivered_at < SCAN_AFTER


def expire(tx: Write, now: int, limit: int = 1000) -> int:
    """Forget some of the engagements that decide nothing any more; how many."""
    return store.forget_before(tx, now - KEEP, limit)
