"""One connection's work: build, sign, send, record."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable

import msgspec

from postwright import queue
from postwright.kernel import failpoints
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.secrets import Vault
from postwright.mail import verp
from postwright.mail.dkim import Signer
from postwright.mail.smtp import ConnectError, Disconnected, SendResult, SmtpClient, SmtpError
from postwright.messages import Loaded, Meta, Personal, build, decode_personal

from .classify import Verdict, judge
from .destinations import Destinations, Host, Unroutable
from .outcome import TEST_MODE, Attempt, Recorder
from .signing import Signers

log = logging.getLogger("postwright.delivery")

MESSAGES_PER_CONNECTION = 100  # KumoMTA's shaped default (delivery-engineering.md 2.3)
BROKEN_TLS_SECONDS = 3 * 86400  # remembered as KumoMTA does (2.5)
STORE_RETRY_SECONDS = 1.0
_TEMPORARY = Verdict(False, "generic", "soft")
_PERMANENT = Verdict(True, "generic", "soft")


class Tls(msgspec.Struct, frozen=True):
    """What a message asks of the connection."""

    required: bool
    verify: bool


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
        hostname: str,
        load: Callable[[int], Awaitable[Loaded | None]],
    ) -> None:
        self.db, self.clock, self.vault = db, clock, vault
        self.signers, self.recorder, self.destinations = signers, recorder, destinations
        self.hostname = hostname
        self.load = load
        self.bounce_key = vault.derive("bounce addresses")
        self.verifying = ssl.create_default_context()
        self.trusting = ssl.create_default_context()
        self.trusting.check_hostname = False
        self.trusting.verify_mode = ssl.CERT_NONE
        # Addresses whose TLS failed, and until when to go without (monotonic seconds).
        self.broken_tls: dict[str, float] = {}
        self._tokens: dict[str, str] = {}
        self._shared: tuple[int, build.Common] | None = None

    def trip(self) -> "Trip":
        """A new connection's work."""
        return Trip(self)

    def token(self, domain_id: str) -> str:
        """The short opaque name of a domain in bounce addresses and X-Mailgun-Sid."""
        if domain_id not in self._tokens:
            if len(self._tokens) > 100_000:
                self._tokens.clear()
            self._tokens[domain_id] = self.vault.mac(b"domain" + domain_id.encode(), 3).hex()
        return self._tokens[domain_id]

    def envelope_sender(self, item: queue.Item, meta: Meta) -> str:
        """The bounce address of one delivery; the digits of a MAC keep its name from being guessed."""
        name = f"{item.id:x}{self.vault.mac(b'delivery%d' % item.id, 3).hex()}"
        return verp.build(self.bounce_key, name, item.recipient, meta.return_host)

    def copy(self, loaded: Loaded, personal: Personal | None, signers: list[Signer]) -> build.Common:
        """The signed copy; one signature serves all recipients of a message that is the same for all."""
        if personal is not None:
            return build.common(loaded.meta, loaded.content, personal, signers)
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
        self._client: SmtpClient | None = None
        self._host: Host | None = None
        self._tls: Tls | None = None
        self._verified = False
        self._sent = 0

    @property
    def connected(self) -> bool:
        """Whether a connection is open that could take another message."""
        return self._client is not None and self._client.reusable

    async def deliver(self, item: queue.Item) -> None:
        """Make one attempt for `item` and record it. Never raises for what the network does."""
        sender = self._sender
        loaded = await sender.load(item.message)
        personal = decode_personal(item.personal) if item.personal else None
        if loaded is None:
            # Its message expired or its domain is gone: nothing is left to say about it.
            await self._recorded(queue.finish, item)
            return
        meta = loaded.meta
        now = sender.clock.now()
        if now >= item.give_up_at:
            await self._recorded(sender.recorder.give_up, now, item, meta, personal)
            return
        try:
            if not await sender.db.write(sender.recorder.begin, now, item, meta, personal):
                return  # suppressed, or the lease is lost and another worker has it
        except StoreUnavailable:
            await asyncio.sleep(STORE_RETRY_SECONDS)
            return  # nothing was sent; the lease will run out
        failpoints.hit("delivery.started")
        attempt = await self._attempt(item, loaded, personal)
        failpoints.hit("delivery.sent")
        await self._recorded(sender.recorder.record, sender.clock.now(), item, meta, personal, attempt)
        failpoints.hit("delivery.recorded")

    async def close(self) -> None:
        """Say goodbye."""
        client, self._client = self._client, None
        if client is not None:
            await client.quit()

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

    async def _attempt(self, item: queue.Item, loaded: Loaded, personal: Personal | None) -> Attempt:
        meta = loaded.meta
        if meta.test_mode:
            return Attempt(code=TEST_MODE, text="", description="Test mode")
        started = time.monotonic()
        primary = ""
        try:
            hosts = await self._sender.destinations.hosts(item.site)
            signers = await self._sender.signers.of(meta)
            common = self._sender.copy(loaded, personal, signers)
            token = self._sender.token(item.domain_id)
            built = build.finish(meta, common, item.recipient, token)
            primary = built.primary_dkim
            client, host = await self._connection(hosts, meta, item.site)
            result = await client.send(
                self._sender.envelope_sender(item, meta),
                [item.recipient],
                built.data,
                smtputf8=built.smtputf8,
            )
            self._sent += 1
            attempt = _of_result(result, host)
        except Unroutable as no:
            verdict = _PERMANENT if no.permanent else _TEMPORARY
            attempt = Attempt(code=no.code, text=no.text, enhanced=no.enhanced, verdict=verdict)
        except SmtpError as refused:
            attempt = _of_refusal(refused, self._host)
        except Disconnected as lost:
            attempt = self._of_loss(lost, item.site)
        if self._client is not None and attempt.tls is None and self._client.capabilities:
            attempt.tls, attempt.verified = self._client.tls is not None, self._verified
            attempt.utf8 = "SMTPUTF8" in self._client.capabilities
        attempt.seconds = time.monotonic() - started
        attempt.primary_dkim = primary
        attempt.sending_ip = meta.sending_ip or (self._client.local_address if self._client else "")
        if self._client is not None and not self._client.reusable:
            await self.close()
        return attempt

    def _of_loss(self, lost: Disconnected, site: str) -> Attempt:
        what = "after the message was sent" if lost.after_dot else f"at {lost.stage}"
        return Attempt(
            code=499,
            text=f"Unable to connect to MX servers: [{site}]" if not lost.after_dot else "",
            description=f"Connection lost {what}",
            mx_host=self._host.name if self._host else "",
            ambiguous=lost.after_dot,
            verdict=_TEMPORARY,
        )

    async def _connection(self, hosts: list[Host], meta: Meta, site: str) -> tuple[SmtpClient, Host]:
        """An open connection that suits the message. Raises Unroutable, SmtpError, Disconnected."""
        wanted = Tls(bool(meta.require_tls), not meta.skip_verification)
        fresh = self.connected and self._sent < MESSAGES_PER_CONNECTION
        if fresh and self._host in hosts and self._suits(wanted, meta):
            assert self._client is not None and self._host is not None
            return self._client, self._host
        await self.close()
        problem = ""
        for host in hosts:
            try:
                self._client = await self._open(host, wanted, meta)
            except (ConnectError, Disconnected, ssl.SSLError, OSError) as wrong:
                problem = str(wrong) or type(wrong).__name__
                continue  # before MAIL the next host may do
            self._host, self._tls, self._sent = host, wanted, 0
            return self._client, host
        raise Unroutable(
            499, f"Unable to connect to MX servers: [{site}]" + (f" ({problem[:200]})" if problem else "")
        )

    def _suits(self, wanted: Tls, meta: Meta) -> bool:
        if meta.sending_ip and self._client is not None and self._client.local_address != meta.sending_ip:
            return False
        if not wanted.required:
            return True
        assert self._client is not None
        return self._client.tls is not None and (self._verified or not wanted.verify)

    async def _open(self, host: Host, wanted: Tls, meta: Meta) -> SmtpClient:
        """Connect and agree on TLS (behaviour.md 5.4): verified if it can be, clear only if it may be."""
        client = await self._greet(host, meta)
        self._verified = False
        broken = self._sender.broken_tls.get(host.address, 0.0) > time.monotonic()
        if not host.tls or (broken and not wanted.required):
            return client
        if "STARTTLS" not in client.capabilities:
            if wanted.required:
                await client.quit()
                raise Unroutable(499, f"[{host.name}] does not offer TLS, which the message requires")
            return client
        contexts = [self._sender.trusting] if not wanted.verify else [self._sender.verifying]
        if wanted.verify and not wanted.required:
            contexts.append(self._sender.trusting)  # encrypted to somebody beats clear to everybody
        for context in contexts:
            try:
                await client.starttls(context, server_hostname=host.name)
                await client.ehlo(self._sender.hostname)
            except (ssl.SSLError, Disconnected, SmtpError, OSError) as wrong:
                failure = wrong
                await client.quit()
                client = await self._greet(host, meta)
                continue
            self._verified = context is self._sender.verifying
            return client
        if wanted.required:
            await client.quit()
            raise Unroutable(499, f"TLS with [{host.name}] failed: {failure}"[:300])
        if len(self._sender.broken_tls) > 10_000:
            self._sender.broken_tls.clear()
        self._sender.broken_tls[host.address] = time.monotonic() + BROKEN_TLS_SECONDS
        return client

    async def _greet(self, host: Host, meta: Meta) -> SmtpClient:
        client = await SmtpClient.connect(host.address, host.port, source=meta.sending_ip or None)
        await client.ehlo(self._sender.hostname)
        return client


def _of_result(result: SendResult, host: Host) -> Attempt:
    reply = result.recipients[0]
    attempt = Attempt(
        code=reply.code,
        text=reply.text,
        enhanced=reply.enhanced,
        command=reply.command,
        mx_host=host.name,
        mx_ip=host.address,
    )
    if not 200 <= reply.code < 300:
        attempt.verdict = judge(reply.code, reply.enhanced, reply.text, reply.command)
    return attempt


def _of_refusal(refused: SmtpError, host: Host | None) -> Attempt:
    reply = refused.reply
    return Attempt(
        code=reply.code,
        text=reply.text,
        enhanced=reply.enhanced,
        command=refused.command,
        mx_host=host.name if host else "",
        mx_ip=host.address if host else "",
        verdict=judge(reply.code, reply.enhanced, reply.text, refused.command),
    )
