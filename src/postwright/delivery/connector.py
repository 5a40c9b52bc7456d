"""Connections: the first host that takes us, encrypted as well as it can be (behaviour.md 5.4)."""

import ssl
import time

import msgspec

from postwright.mail.smtp import Answer, ConnectError, Disconnected, SmtpClient, SmtpError
from postwright.messages import Meta

from .destinations import Host, Unroutable
from .sources import Source, Sources

BROKEN_TLS_SECONDS = 3 * 86400  # remembered as KumoMTA does (delivery-engineering.md 2.5)
# That a host's certificate is not valid is tried again this often: it spares a handshake that would fail.
INVALID_SECONDS = 3600
MAX_REMEMBERED = 10_000


class Tls(msgspec.Struct, frozen=True):
    """What a message asks of the connection."""

    required: bool
    verify: bool

    @classmethod
    def of(cls, meta: Meta) -> "Tls":
        """What `meta` asks for."""
        return cls(bool(meta.require_tls), not meta.skip_verification)


class Link(msgspec.Struct):
    """An open connection, and what is known about it."""

    client: SmtpClient
    host: Host
    source: Source
    verified: bool = False
    sent: int = 0  # messages


class HostRefused(Exception):
    """The host wants no mail from us, before it heard of any."""

    def __init__(self, host: Host, reply: Answer) -> None:
        self.host, self.reply = host, reply
        super().__init__(f"{host.name}: {reply.code} {reply.text}")


class Connector:
    """Opens connections for all of a process, and remembers whose TLS does not work."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._verifying = ssl.create_default_context()
        self._trusting = ssl.create_default_context()
        self._trusting.check_hostname = False
        self._trusting.verify_mode = ssl.CERT_NONE
        # Addresses, and until when (monotonic seconds).
        self._broken: dict[str, float] = {}
        self._invalid: dict[str, float] = {}

    def source(self, meta: Meta, site: str, host: Host) -> Source | None:
        """Where a message to `host` leaves from."""
        return self._sources.choose(meta, site, host.address)

    async def open(self, hosts: list[Host], meta: Meta, site: str) -> Link:
        """A connection to the first host that takes one. Raises Unroutable, HostRefused."""
        refusals: list[HostRefused] = []
        problem = ""
        for host in hosts:
            source = self.source(meta, site, host)
            try:
                if source is None:
                    raise ConnectError(f"no source address reaches {host.address}")
                return await self._open(host, source, Tls.of(meta))
            except SmtpError as no:
                refusals.append(HostRefused(host, no.reply))
            except (ConnectError, Disconnected) as wrong:
                problem = problem or f"{host.name}: {wrong}"
        if problem or not refusals:
            # Whoever did not answer now may take it later, whatever the others say.
            text = f"Unable to connect to MX servers: [{site}]"
            raise Unroutable(499, f"{text} ({problem[:200]})" if problem else text)
        raise min(refusals, key=lambda each: each.reply.code)

    async def _open(self, host: Host, source: Source, tls: Tls) -> Link:
        failure = ""
        for context in self._contexts(host, tls):
            link = await self._greet(host, source)
            if "STARTTLS" not in link.client.capabilities:
                if not tls.required:
                    return link
                await link.client.quit()
                raise ConnectError("does not offer TLS, which the message requires")
            try:
                await link.client.starttls(context, server_hostname=host.name)
                await link.client.ehlo(source.name)
            except (ssl.SSLError, Disconnected, SmtpError) as wrong:
                failure = str(wrong)
                link.client.abort()
                self._remember(host, context, wrong)
                continue
            link.verified = context is self._verifying
            return link
        if tls.required and host.outside:
            raise ConnectError(f"TLS failed, which the message requires: {failure}")
        return await self._greet(host, source)

    def _contexts(self, host: Host, tls: Tls) -> list[ssl.SSLContext]:
        """The ways to encrypt, in the order to try them; without any it goes in clear."""
        if not host.outside:
            return []
        if tls.required:
            return [self._verifying if tls.verify else self._trusting]
        now = time.monotonic()
        if self._broken.get(host.address, 0.0) > now:
            return []
        if not tls.verify or self._invalid.get(host.address, 0.0) > now:
            return [self._trusting]
        return [self._verifying, self._trusting]  # encrypted to somebody beats clear to everybody

    def _remember(self, host: Host, context: ssl.SSLContext, wrong: Exception) -> None:
        if isinstance(wrong, SmtpError):
            return  # refused for now, not broken
        if context is self._trusting:
            known, seconds = self._broken, BROKEN_TLS_SECONDS
        elif isinstance(wrong, ssl.SSLCertVerificationError):
            known, seconds = self._invalid, INVALID_SECONDS
        else:
            return
        if len(known) >= MAX_REMEMBERED:
            known.pop(next(iter(known)))
        known[host.address] = time.monotonic() + seconds

    async def _greet(self, host: Host, source: Source) -> Link:
        # The capture inbox is this machine's own: what leaves for it leaves from no declared address.
        bound = source.address if host.outside else ""
        client = await SmtpClient.connect(host.address, host.port, source=bound or None)
        try:
            await client.ehlo(source.name)
        except BaseException:
            client.abort()
            raise
        return Link(client, host, source)
