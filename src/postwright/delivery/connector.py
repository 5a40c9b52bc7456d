"""Connections: the first host that takes us, encrypted as well as it can be (behaviour.md 5.4)."""

import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from postwright.kernel import metrics
from postwright.mail.smtp import Answer, ConnectError, Dialogue, Disconnected, SmtpClient, SmtpError
from postwright.messages import Meta
from postwright.tlspolicy import Policies, authentic, shown

from .demands import NOTHING, Demand, Tls, Withheld, demand
from .destinations import Host, Route, Unroutable
from .sources import Source, Sources
from .trace import Try

BROKEN_TLS_SECONDS = 3 * 86400  # remembered as KumoMTA does (delivery-engineering.md 2.5)
# That a host's certificate is not valid is tried again this often: it spares a handshake that would fail.
INVALID_SECONDS = 3600
SUITED_SECONDS = 5.0
MAX_REMEMBERED = 10_000
_EXPIRED, _OTHER_NAME, _UNTRUSTED = 10, 62, (18, 19, 20, 21)  # X509_V_ERR_… of OpenSSL

_FALLBACKS = metrics.Counter(
    "tls_fallback_total", "Connections less safe than was tried first: any certificate, or in clear.", ("to",)
)


class Results(Protocol):
    """Who counts what became of encryption (RFC 8460)."""

    def count(self, route: Route, host: Host, demand: Demand, failure: str, source: str) -> None:
        """A session with `host`: "" or the result type of its failure (RFC 8460 §4.3)."""


class Link(msgspec.Struct):
    """An open connection, and what is known about it."""

    client: SmtpClient
    host: Host
    source: Source
    demand: Demand = NOTHING  # what it was opened for
    verified: bool = False  # it is known who has the other end: by its certificate, or by DANE
    trusted: bool = False  # by its certificate
    sent: int = 0  # messages
    # What it was found fit for, and until when that need not be asked again (monotonic seconds).
    suited: tuple[Route | None, Tls | None, float] = (None, None, 0.0)
    tried: list[Try] = []  # the hosts before this one

    def meets(self, wanted: Demand) -> bool:
        """Whether it is what a message demands."""
        if not wanted.required:
            return True
        if self.client.tls is None or (wanted.verify and not wanted.lenient and not self.trusted):
            return False
        return not wanted.pins or (self.verified and self.demand.pins == wanted.pins)


class HostRefused(Exception):
    """The host wants no mail from us, before it heard of any."""

    def __init__(self, host: Host, reply: Answer) -> None:
        self.host, self.reply = host, reply
        self.tried: list[Try] = []
        super().__init__(f"{host.name}: {reply.code} {reply.text}")


class Looped(Exception):
    """The host is this server."""


async def _nobody(domain: str) -> bool:
    return False


class Connector:
    """Opens connections for all of a process, and remembers whose TLS does not work."""

    def __init__(
        self,
        sources: Sources,
        policies: Policies | None = None,
        *,
        receives: Callable[[str], Awaitable[bool]] = _nobody,
        results: Results | None = None,
    ) -> None:
        self.sources = sources
        self._policies = policies
        self._receives = receives  # whether mail for a domain is ours to receive
        self._results = results
        self._verifying = ssl.create_default_context()
        self._trusting = ssl.create_default_context()
        self._trusting.check_hostname = False
        self._trusting.verify_mode = ssl.CERT_NONE
        # Addresses, until when (monotonic seconds), and the result type of it.
        self._broken: dict[str, tuple[float, str]] = {}
        self._invalid: dict[str, tuple[float, str]] = {}

    async def close(self) -> None:
        """Close what belongs to no message."""
        if self._policies is not None:
            await self._policies.close()

    def addresses(self) -> list[str]:
        """The addresses that mail leaves from."""
        return self.sources.addresses

    def source(self, meta: Meta, site: str, host: Host) -> Source | None:
        """Where a message to `host` leaves from."""
        return self.sources.choose(meta, site, host.address)

    async def suits(
        self, link: Link, route: Route, meta: Meta, site: str, *, encrypted: bool = False
    ) -> bool:
        """Whether a message could have opened `link` itself; `encrypted`: the table of limits requires that."""
        if self.source(meta, site, link.host) != link.source:
            return False
        tls, now = Tls.of(meta, encrypted), time.monotonic()
        known, asked, until = link.suited
        if known is route and asked == tls and now < until:
            return True
        try:
            suits = link.host in route.hosts and link.meets(
                await demand(self._policies, route, link.host, tls)
            )
        except Withheld:
            return False
        if suits:
            link.suited = (route, tls, now + SUITED_SECONDS)
        return suits

    async def open(self, route: Route, meta: Meta, site: str, *, encrypted: bool = False) -> Link:
        """A connection to the first host that takes one, never in clear if `encrypted`.

        Raises Unroutable, HostRefused.
        """
        tls = Tls.of(meta, encrypted)
        refusals: list[HostRefused] = []
        tried: list[Try] = []
        problem = ""
        looped = withheld = False
        for host in route.hosts:
            source = self.source(meta, site, host)
            dialogue = Dialogue()
            try:
                if source is None:
                    raise ConnectError(f"no source address reaches {host.address}")
                link = await self._open(route, host, source, tls, dialogue)
                link.tried = tried
                return link
            except SmtpError as no:
                refusals.append(HostRefused(host, no.reply))
                wrong: Exception = no
            except (ConnectError, Disconnected) as no:
                problem = problem or f"{host.name}: {no}"
                wrong = no
            except Withheld as no:
                withheld = True
                problem = problem or str(no)
                wrong = no
                self._count(route, host, no.demand, no.kind, "")
            except Looped as no:
                looped = True
                wrong = no
            tried.append(
                Try(host.name, host.address, source.address if source else "", str(wrong), dialogue.take())
            )
            if looped:
                break  # who comes after ourselves would only send it back (RFC 5321 §5.1)
        raise self._failure(route, site, refusals, tried, problem, looped=looped, withheld=withheld)

    def _failure(
        self,
        route: Route,
        site: str,
        refusals: list[HostRefused],
        tried: list[Try],
        problem: str,
        *,
        looped: bool,
        withheld: bool,
    ) -> Exception:
        failure: Unroutable | HostRefused
        if withheld and len(tried) == len(route.hosts) and not refusals:
            failure = Unroutable(451, problem, enhanced="4.4.4")
        elif problem or not (refusals or looped):
            # Whoever did not answer now may take it later, whatever the others say.
            text = f"Unable to connect to MX servers: [{site}]"
            failure = Unroutable(499, f"{text} ({problem[:200]})" if problem else text)
        elif refusals:
            failure = min(refusals, key=lambda each: each.reply.code)
        else:
            text = f"Mail for [{route.domain}] loops back to this server"
            failure = Unroutable(554, text, permanent=True, enhanced="5.4.6")
        failure.tried = tried
        return failure

    async def _open(self, route: Route, host: Host, source: Source, tls: Tls, dialogue: Dialogue) -> Link:
        wanted = await demand(self._policies, route, host, tls)
        failure = ""
        for context in self._contexts(host, wanted):
            link = await self._greet(route, host, source, wanted, dialogue)
            if "STARTTLS" not in link.client.capabilities:
                self._count(route, host, wanted, "starttls-not-supported", link.client.local_address)
                if not wanted.required:
                    return link
                await link.client.quit()
                raise ConnectError(f"does not offer TLS, which {_who(wanted)} requires")
            try:
                await link.client.starttls(context, server_hostname=host.name)
                self._check_pins(link, wanted)
                await link.client.ehlo(source.name)
            except (ssl.SSLError, Disconnected, SmtpError, NotPinned) as wrong:
                failure = str(wrong)
                local = link.client.local_address
                link.client.abort()
                self._remember(host, context, wrong)
                if wanted.required and (context is self._trusting or not wanted.lenient):
                    self._count(route, host, wanted, _kind(wrong), local)
                continue
            link.trusted = context is self._verifying
            link.verified = link.trusted or bool(wanted.pins)
            self._count(route, host, wanted, self._shortcoming(link), link.client.local_address)
            if failure:
                _FALLBACKS.labels("any certificate").inc()
            return link
        if wanted.required:
            raise ConnectError(f"TLS failed, which {_who(wanted)} requires: {failure}")
        link = await self._greet(route, host, source, wanted, dialogue)
        if host.outside:
            _FALLBACKS.labels("clear").inc()
            known = self._broken.get(host.address)
            self._count(
                route, host, wanted, known[1] if known else "validation-failure", link.client.local_address
            )
        return link

    def _contexts(self, host: Host, wanted: Demand) -> list[ssl.SSLContext]:
        """The ways to encrypt, in the order to try them; without any it goes in clear."""
        if not host.outside:
            return []
        if wanted.required and not wanted.lenient:
            return [self._verifying if wanted.verify else self._trusting]
        now = time.monotonic()
        if self._broken.get(host.address, (0.0, ""))[0] > now:
            return [self._trusting] if wanted.required else []
        if not wanted.verify or self._invalid.get(host.address, (0.0, ""))[0] > now:
            return [self._trusting]
        return [self._verifying, self._trusting]  # encrypted to somebody beats clear to everybody

    def _check_pins(self, link: Link, wanted: Demand) -> None:
        if wanted.pins:
            chain = shown(link.client.tls_object)
            if not authentic(wanted.pins, chain, wanted.names, datetime.now(UTC)):
                raise NotPinned("the certificate is none of those that DNS pins (DANE)")

    def _remember(self, host: Host, context: ssl.SSLContext, wrong: Exception) -> None:
        if isinstance(wrong, SmtpError | NotPinned):
            return  # refused for now, not broken
        if context is self._trusting:
            known, seconds = self._broken, BROKEN_TLS_SECONDS
        elif isinstance(wrong, ssl.SSLCertVerificationError):
            known, seconds = self._invalid, INVALID_SECONDS
        else:
            return
        if len(known) >= MAX_REMEMBERED:
            known.pop(next(iter(known)))
        known[host.address] = (time.monotonic() + seconds, _kind(wrong))

    def _shortcoming(self, link: Link) -> str:
        """What an MTA-STS policy that is only tested would have objected to."""
        wanted = link.demand
        if wanted.sts is None or wanted.policy == "dane":
            return "tlsa-invalid" if wanted.all_pins and not wanted.pins else ""
        if not wanted.allowed:
            return "validation-failure"
        if link.trusted:
            return ""
        known = self._invalid.get(link.host.address)
        return known[1] if known else "validation-failure"

    def _count(self, route: Route, host: Host, wanted: Demand, failure: str, source: str) -> None:
        if self._results is not None and route.published:
            self._results.count(route, host, wanted, failure, source)

    async def _greet(
        self, route: Route, host: Host, source: Source, wanted: Demand, dialogue: Dialogue
    ) -> Link:
        # The capture inbox is this machine's own: what leaves for it leaves from no declared address.
        bound = source.address if host.outside else ""
        client = await SmtpClient.connect(host.address, host.port, source=bound or None, dialogue=dialogue)
        try:
            await client.ehlo(source.name)
            us = route.published and self.sources.is_us(client.names)
            if us and not await self._receives(route.domain):
                raise Looped(f"{host.name} is this server")
        except BaseException:
            client.abort()
            raise
        return Link(client, host, source, wanted)


class NotPinned(Exception):
    """No TLSA record holds for what the server showed."""


def _who(wanted: Demand) -> str:
    own = "the table of limits" if wanted.lenient else "the message"
    return {"sts": "the MTA-STS policy", "dane": "the DANE policy"}.get(wanted.policy, own)


def _kind(wrong: Exception) -> str:
    """The result type of a failed handshake (RFC 8460 §4.3.2)."""
    if isinstance(wrong, ssl.SSLCertVerificationError):
        code = wrong.verify_code
        if code == _EXPIRED:
            return "certificate-expired"
        if code == _OTHER_NAME:
            return "certificate-host-mismatch"
        if code in _UNTRUSTED:
            return "certificate-not-trusted"
    return "validation-failure"
