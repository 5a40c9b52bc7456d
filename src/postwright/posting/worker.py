"""A post becomes one message for all members, and a queued copy for each of them."""

import asyncio
import logging

import msgspec

from postwright import domains, events, lists, messages, queue
from postwright.domains import Domain, Sendable
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, StoreUnavailable, Write
from postwright.kernel.ids import Sequence, hex_id
from postwright.kernel.secrets import Vault
from postwright.lists import MailingList, Member, Post
from postwright.mail.addresses import parse_one
from postwright.mail.headers import format_date
from postwright.mail.mime import texts
from postwright.messages import Meta, MimeContent, Personal
from postwright.spool import Blob, Spool
from postwright.tracking import Plan, Wish, has_variables, make_plan

from .shape import for_members, head_of, refusal

log = logging.getLogger("postwright.posting")

BATCH = 500  # members a transaction
POLL_SECONDS = 0.1
PAUSE_SECONDS = 1.0
_KEPT = 16  # messages between two of their batches


class _Taken(Exception):
    """Another worker did this batch."""


class Shared(msgspec.Struct, frozen=True):
    """The message that the members get; `blob` until it is stored."""

    meta: Meta
    blob: Blob | None


class ListWorker:
    """Sends posts to members. Any number may run: a batch counts for whoever is first."""

    def __init__(
        self,
        *,
        db: Db,
        clock: Clock,
        spool: Spool,
        vault: Vault,
        sequence: Sequence,
        hostname: str,
        base_url: str,
        tracking_url: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._spool = spool
        self._vault = vault
        self._sequence = sequence
        self._hostname = hostname
        self._base_url = base_url
        self._tracking_url = tracking_url or base_url
        self._shared: dict[int, Shared] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        while not stop.is_set():
            try:
                busy = await self.step()
            except StoreUnavailable:
                busy = False
            except Exception:
                log.exception("a post to a list failed; trying again")
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            await asyncio.sleep(0 if busy else POLL_SECONDS)

    async def step(self) -> bool:
        """One batch of each post that waits (up to ten); whether there was any."""
        waiting = await self._db.read(lists.posts, 10)
        for post in waiting:
            shared = self._shared.get(post.id) or await self._prepare(post)
            try:
                await self._db.write(self._batch, post, shared)
            except _Taken:
                self._shared.pop(post.id, None)
                continue
            failpoints.hit("posting.batch")
            if len(self._shared) >= _KEPT:
                self._shared.clear()
            if shared is not None:
                self._shared[post.id] = Shared(shared.meta, None)
        return bool(waiting)

    def _batch(self, tx: Write, post: Post, shared: Shared | None) -> None:
        """Queue the next members' copies and note how far that is. Raises _Taken."""
        members = lists.next_members(tx, post, BATCH) if shared is not None else []
        done = len(members) < BATCH
        moved = lists.finish_post(tx, post) if done else lists.advance_post(tx, post, members[-1].address)
        if not moved:
            raise _Taken
        if shared is None or (not members and not post.started):
            return
        meta = shared.meta
        give_up = post.due_at + post.lifetime
        now = self._clock.now()
        refused, why = self._refused(tx, now, meta, members)
        if refused:
            members = members[: len(members) - len(refused)]
        if not post.started:
            assert shared.blob is not None
            expires = max(meta.accepted_at + messages.RETENTION * SECOND, give_up + 3600 * SECOND)
            messages.keep(tx, self._spool, meta, shared.blob, expires)
        copies = [(member, _personal(member)) for member in members]
        items = [
            queue.NewItem(
                self._sequence.next(),
                post.id,
                member.address,
                member.address.rpartition("@")[2],
                msgspec.msgpack.encode(personal),
            )
            for member, personal in copies
        ]
        queue.add(
            tx,
            items,
            account_id=meta.account_id,
            domain_id=meta.domain_id,
            accepted_at=meta.accepted_at,
            due_at=post.due_at,
            give_up_at=give_up,
        )
        told = [messages.facts.accepted_copy(meta, member.address, personal) for member, personal in copies]
        told += [
            messages.facts.rejected_copy(meta, member.address, _personal(member), why) for member in refused
        ]
        events.append(tx, now, told)

    def _refused(self, tx: Write, now: int, meta: Meta, members: list[Member]) -> tuple[list[Member], str]:
        """Count the members against the limits; those for whom there is no room, and why."""
        domain = domains.sendable(tx, meta.domain_id)
        if domain is None or not members or not (domain.is_limited or domain.hourly):
            return [], ""
        events.hold(tx)
        count, why = domains.spend_some(
            tx, now, self._vault, meta.domain_id, domain, meta.account_id, len(members)
        )
        return members[count:], why

    async def _prepare(self, post: Post) -> Shared | None:
        """The members' message: as it was stored, or made of the post. None: it can go to nobody (any more)."""
        if post.started:
            stored = await self._db.read(messages.described, post.id)
            return None if stored is None else Shared(stored, None)
        source = await messages.load_any(self._db, self._spool, self._vault, post.source)
        found = await self._db.read(self._where, post.list_key)
        if source is None or found is None:
            return None
        to, domain, sendable = found
        outside = source.meta.incoming
        raw = messages.raw_of(source)
        blocked = sendable.state != "active" or sendable.is_disabled or not sendable.account_sends
        if blocked or refusal(head_of(raw), to, outside=outside):
            log.warning("a post to a list goes to nobody", extra={"list": to.address})
            return None
        raw = await asyncio.to_thread(for_members, raw, to, outside=outside)
        content = MimeContent(raw=raw, personal=_has_tokens(raw), pinned=source.content.pinned)
        plan = self._plan(source.meta, raw, to, sendable, outside)
        meta = self._meta(post, source.meta, len(raw), to, domain, plan)
        packed = msgspec.msgpack.encode(content)
        if meta.encrypted:
            packed = messages.sealed(packed, self._vault)
        return Shared(meta, await self._spool.prepare(packed))

    def _where(self, tx: Read, key: str) -> tuple[MailingList, Domain, Sendable] | None:
        to = lists.find_by_key(tx, key)
        domain = domains.by_id(tx, to.domain_id) if to else None
        sendable = domains.sendable(tx, to.domain_id) if to else None
        return None if to is None or domain is None or sendable is None else (to, domain, sendable)

    def _plan(
        self, source: Meta, raw: bytes, to: MailingList, sendable: Sendable, outside: bool
    ) -> Plan | None:
        if source.tracking is not None:
            return msgspec.structs.replace(source.tracking, mailing_list=to.address, unsubscribes=True)
        wish = Wish() if outside else Wish(opens=False, clicks="no")
        variables = any(has_variables(text) for _, text in texts(raw))
        return make_plan(
            sendable, wish, fallback=self._tracking_url, variables=variables, mailing_list=to.address
        )

    def _meta(
        self, post: Post, source: Meta, size: int, to: MailingList, domain: Domain, plan: Plan | None
    ) -> Meta:
        now = self._clock.now()
        key = messages.storage_key(self._vault, post.id)
        return msgspec.structs.replace(
            source,
            id=post.id,
            account_id=to.account_id,
            domain_id=to.domain_id,
            domain=to.domain,
            size=size,
            recipients=[],
            several=True,
            accepted_at=now,
            received=(
                f"by {self._hostname} with ESMTP id {hex_id()}; {format_date(now // SECOND)}"
                if source.incoming
                else source.received
            ),
            storage_key=key,
            storage_url=f"{self._base_url}/v3/domains/{to.domain}/messages/{key}",
            return_host=domain.return_host,
            scheduled_for=post.due_at // SECOND,
            batch_id="",
            tracking=plan,
            mailing_list=messages.ListUsed(address=to.address, list_id=to.header_id, sid=f"{post.id:x}"),
            incoming=False,
            encrypted=source.encrypted,
        )


def _personal(member: Member) -> Personal:
    address = parse_one(member.address)
    return Personal(to=msgspec.structs.replace(address, name=member.name).header(), variables=member.vars)


def _has_tokens(raw: bytes) -> bool:
    lowered = raw.lower()
    return b"%recipient" in raw or b"base64" in lowered or b"quoted-printable" in lowered
