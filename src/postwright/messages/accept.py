"""The one way in: every door ends here.

One durable transaction holds the message, its bytes, a queue row and an `accepted` event for each recipient;
when it returns, a power cut loses nothing of it.
"""

import hashlib
import time
from collections.abc import Callable, Mapping

import msgspec

from postwright import accounts, domains, events, habits, ips, lists, queue
from postwright.domains import Sendable
from postwright.kernel import failpoints, tracing
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.errors import Refused
from postwright.kernel.ids import Sequence, hex_id
from postwright.kernel.metrics import Counter, Histogram
from postwright.kernel.secrets import Vault
from postwright.mail.headers import format_date
from postwright.spool import Blob, Spool
from postwright.tracking import make_plan

from . import facts, keys, store, timing
from .draft import Draft, Target
from .errors import SendingRefused
from .records import ListUsed, Meta, encode

_ACCEPTED = Counter("accept_total", "Messages offered, by door and result.", ("iface", "result"))
_SECONDS = Histogram("accept_seconds", "From the whole message to its durable acceptance.").labels()

# How long a recipient is tried, from the time it is due (behaviour.md 5.1).
LIFETIME = 8 * 3600
# How long a stored message can be fetched when its domain says nothing else (behaviour.md 2.7).
RETENTION = 72 * 3600
# How long an idempotency key stands for the message it came with (delivery-engineering.md 1.3).
IDEMPOTENT = 24 * 3600


Tell = Callable[[str, str], None]  # the name and value of a header


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who submitted a message, and how."""

    account_id: str
    domain_id: str
    domain: str
    method: str  # "HTTP" | "smtp"
    ip: str
    base_url: str  # how storage URLs begin
    api_key_id: str = ""
    received_from: str = ""  # the `from` part of our Received header, for SMTP
    received_tls: str = ""  # in brackets behind the id, for SMTP over TLS
    retention: int = 0  # seconds the domain keeps messages; 0: the default
    return_host: str  # host of the envelope sender
    unlimited: bool = False  # the installation's own mail, which also says that a limit is spent


class Acceptor:
    """Takes drafts in. One for each process."""

    def __init__(
        self,
        *,
        db: Db,
        clock: Clock,
        spool: Spool,
        vault: Vault,
        sequence: Sequence,
        hostname: str,
        live: bool,
        tracking_url: str = "",
        rates: accounts.Rates | None = None,
    ) -> None:
        self._db = db
        self.clock = clock
        self._spool = spool
        self._vault = vault
        self._sequence = sequence
        self._hostname = hostname
        self._live = live
        self._tracking_url = tracking_url
        self._rates = rates

    async def accept(self, draft: Draft, origin: Origin, tell: Tell | None = None) -> str:
        """Store `draft` durably and queue it; the Message-Id without brackets. Raises Refused, or StoreUnavailable.

        With an idempotency key that the account used in the last 24 hours nothing is stored, and the Message-Id is
        that of the message which was. `tell` is told how many recipients the sender may still have.
        """
        began = time.monotonic()
        told: list[tuple[str, str]] = []
        try:
            if self._rates is not None:
                account_id, now = origin.account_id, self.clock.now()
                told = self._rates.recipients(
                    account_id, origin.api_key_id, origin.domain, now, len(draft.targets)
                )
            with tracing.span("accept", recipients=len(draft.targets)):
                message_id = await self._accept(draft, origin)
        except Refused:
            _ACCEPTED.labels(origin.method, "refused").inc()
            raise
        _ACCEPTED.labels(origin.method, "accepted").inc()
        _SECONDS.observe(time.monotonic() - began)
        if tell is not None:
            for name, value in told:
                tell(name, value)
        return message_id

    async def preview(self, draft: Draft, origin: Origin) -> Meta:
        """What `accept` would store, with nothing stored or spent. Raises Refused as `accept` would."""
        now = self.clock.now()
        meta = self._meta(draft, origin, 0, now, draft.options.deliver_at or now)
        return await self._db.read(self._look, meta, draft, self._tracking_url or origin.base_url)

    def _look(self, tx: Read, meta: Meta, draft: Draft, fallback: str) -> Meta:
        domain = self._may_send(tx, meta, draft.targets)
        meta.tracking = make_plan(
            domain, draft.options.tracking, fallback=fallback, variables=draft.unsubscribe_variables
        )
        return meta

    async def _accept(self, draft: Draft, origin: Origin) -> str:
        now = self.clock.now()
        due = draft.options.deliver_at or now
        key = self._sequence.next()
        meta = self._meta(draft, origin, key, now, due)
        meta.trace = tracing.current()
        delays = await self._delays(draft, origin.account_id, due)
        expires = now + (origin.retention or RETENTION) * SECOND
        blob = await self._spool.prepare(encode(draft.content))
        items = [
            queue.NewItem(
                self._sequence.next(),
                key,
                target.address.spec,
                target.address.domain,
                encode(target.personal) if target.personal else b"",
                delays.get(target.address.spec.lower(), 0) if delays else 0,
            )
            for target in draft.targets
        ]
        failpoints.hit("accept.before")
        fallback = self._tracking_url or origin.base_url
        message_id = await self._db.write(
            self._store, meta, draft, origin.unlimited, fallback, blob, items, due, expires, delays
        )
        failpoints.hit("accept.committed")
        return message_id

    async def _delays(self, draft: Draft, account_id: str, due: int) -> dict[str, int]:
        options = draft.options
        if not options.optimize and options.localize is None:
            return {}
        recipients = [target.address.spec.lower() for target in draft.targets]
        known = await self._db.read(habits.of, account_id, recipients)
        return timing.delays(known, options, due)

    def _store(
        self,
        tx: Write,
        meta: Meta,
        draft: Draft,
        unlimited: bool,
        fallback: str,
        blob: Blob,
        items: list[queue.NewItem],
        due: int,
        expires: int,
        delays: Mapping[str, int],
    ) -> str:
        now = self.clock.now()
        domain = self._may_send(tx, meta, draft.targets)
        key = draft.options.idempotency_key
        if key:
            name = hashlib.sha256(f"{meta.account_id}\0{key}".encode()).hexdigest()
            until = meta.accepted_at + IDEMPOTENT * SECOND
            known = store.claim_key(tx, name, meta.message_id, meta.accepted_at, until)
            if known is not None:
                return known
        lifetime = draft.options.deliver_within or domain.queue_lifetime or LIFETIME
        give_up = due + lifetime * SECOND
        expires = max(expires, give_up + max(delays.values(), default=0) + 3600 * SECOND)
        meta.archive_to = meta.archive_to or domain.archive_to
        if meta.require_tls is None:
            meta.require_tls = domain.require_tls or None
        if meta.skip_verification is None:
            meta.skip_verification = domain.skip_verification or None
        plan = make_plan(
            domain,
            draft.options.tracking,
            fallback=fallback,
            variables=draft.unsubscribe_variables,
        )
        stored = msgspec.structs.replace(meta, recipients=[], tracking=plan)
        store.insert_message(tx, meta.id, meta.account_id, meta.domain_id, encode(stored), expires)
        self._spool.attach(tx, meta.id, blob)
        targets = draft.targets
        posts = lists.among(
            tx, meta.account_id, [(target.address.spec, target.address.domain) for target in targets]
        )
        told = {}
        for item in items if posts else ():
            if item.recipient in posts:
                # The row's number is free now: it becomes that of the members' message.
                to = posts[item.recipient]
                lists.add_post(
                    tx, now, to, source=meta.id, key=item.id, due_at=due, lifetime=lifetime * SECOND
                )
                told[item.recipient] = ListUsed(address=to.address, list_id=to.header_id, sid=f"{item.id:x}")
        queue.add(
            tx,
            [item for item in items if item.recipient not in posts] if posts else items,
            account_id=meta.account_id,
            domain_id=meta.domain_id,
            accepted_at=meta.accepted_at,
            due_at=due,
            give_up_at=give_up,
        )
        events.append(tx, now, facts.accepted(meta, targets, told, delays))
        if not unlimited:
            domains.spend(tx, now, self._vault, meta.domain_id, domain, meta.account_id, len(targets))
        return meta.message_id

    def _may_send(self, tx: Read, meta: Meta, targets: list[Target]) -> Sendable:
        """The domain's own state, read in the transaction: what is true now decides, not what was cached."""
        domain = domains.sendable(tx, meta.domain_id)
        if domain is None:
            raise domains.DomainNotFound(f"Domain not found: {meta.domain}")
        if domain.state == "disabled" or domain.is_disabled:
            raise SendingRefused(f"Domain {meta.domain} is not allowed to send: The domain is disabled.")
        accounts.must_be_able_to_send(domain.account_status, domain.account_may_send, meta.domain)
        if domain.type == "sandbox" and self._live and not _all_agreed(tx, meta, targets):
            raise SendingRefused(
                f"Domain {meta.domain} is not allowed to send: Sandbox subdomains are for test purposes only. "
                "Please add your own domain or add the address to authorized recipients in Account Settings."
            )
        if domain.state != "active":
            raise SendingRefused(
                f"Domain {meta.domain} is not allowed to send: The domain is unverified and requires DNS "
                "configuration. Log in to your control panel to view required DNS records."
            )
        if meta.sending_ip and not ips.usable(tx, meta.account_id, meta.sending_ip):
            raise SendingRefused(f"Rejected: IP {meta.sending_ip[:64]} can't be used to send the message")
        if meta.sending_ip_pool and not ips.pool_usable(tx, meta.account_id, meta.sending_ip_pool):
            raise SendingRefused(f"Rejected: IP pool {meta.sending_ip_pool[:64]} does not exist")
        return domain

    def _meta(self, draft: Draft, origin: Origin, key: int, now: int, due: int) -> Meta:
        options = draft.options
        storage_key = keys.make(self._vault, key)
        via = "HTTP" if origin.method == "HTTP" else "SMTP"
        trace = f"{origin.received_from} " if origin.received_from else ""
        made = f"id {hex_id()}{origin.received_tls}"
        return Meta(
            id=key,
            account_id=origin.account_id,
            domain_id=origin.domain_id,
            domain=origin.domain,
            message_id=draft.message_id,
            from_=draft.from_,
            to=draft.to,
            subject=draft.subject,
            size=draft.size,
            recipients=[target.address.spec for target in draft.targets],
            several=len(draft.targets) > 1,
            method=origin.method,
            accepted_at=now,
            received=f"{trace}by {self._hostname} with {via} {made}; {format_date(now // SECOND)}",
            storage_url=f"{origin.base_url}/v3/domains/{origin.domain}/messages/{storage_key}",
            storage_key=storage_key,
            attachments=draft.attachments,
            tags=options.tags,
            variables=options.variables,
            api_key_id=origin.api_key_id,
            ip=origin.ip,
            scheduled_for=due // SECOND,
            batch_id=hex_id() if options.recipient_variables is not None else "",
            test_mode=options.test_mode,
            amp=draft.amp,
            dkim=options.dkim,
            secondary_dkim=options.secondary_dkim,
            secondary_dkim_public=options.secondary_dkim_public,
            require_tls=options.require_tls,
            skip_verification=options.skip_verification,
            tls_report=options.tls_report,
            sending_ip=options.sending_ip,
            sending_ip_pool=options.sending_ip_pool,
            return_host=origin.return_host,
            suppress_headers=options.suppress_headers,
            archive_to=options.archive_to,
            optimizer="sto" if options.optimize and options.localize is None else "",
            template=draft.template,
        )


def _all_agreed(tx: Read, meta: Meta, targets: list[Target]) -> bool:
    return accounts.all_agreed(tx, meta.account_id, [target.address.spec for target in targets])


def new_message_id(now: int, domain: str) -> str:
    """A Message-Id of the current form (behaviour.md 2.2): UTC time and 16 hex digits."""
    year, month, day, hour, minute, second = time.gmtime(now // SECOND)[
        :6
    ]  # strftime takes ten times as long
    at = f"{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}"
    return f"{at}.{hex_id()[8:]}@{domain}"
