"""HTTP to addresses that users give: webhooks, forwards, archives.

Such a URL must not become a way into our own network (SSRF). The host is resolved once, every address it has is
judged, and exactly those addresses are connected to, so that a name cannot answer differently the second time.
Redirects are not followed, since they would lead anywhere; nothing is sent but what the caller gives.
"""

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
import dns.asyncresolver
import dns.exception
import dns.resolver
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from .settings import Settings, host_port

MAX_URL = 2048  # characters
MAX_REPLY = 64 * 1024  # octets of an answer that are read
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
LOOKUP_SECONDS = 5.0
# Ranges that are not public but that Python calls global, or that lead to another address.
_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # local-use NAT64 (RFC 8215)
        "2002::/16",  # 6to4 (RFC 3056)
        "2001::/32",  # Teredo (RFC 4380)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
    )
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TargetRefused(Exception):
    """The URL is malformed, or leads where we do not go; the text says which, for people."""


class TargetUnreachable(Exception):
    """No answer: the name does not resolve, the connection fails, or it takes too long."""


class Result(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    body: bytes


class Outgoing:
    """The one client for URLs of users. `async with Outgoing(settings) as client`."""

    def __init__(self, settings: Settings) -> None:
        self._policy = settings.private_targets
        self._resolver = _Resolver(settings, self._policy)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Outgoing":
        timeout = aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS)
        # No cookies: one customer's receiver must not be told what another's said.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, limit=0, ttl_dns_cache=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            headers={"User-Agent": "Postwright"},
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def check(self, url: str) -> None:
        """Whether `url` could be called: well formed, resolvable, allowed.

        Raises TargetRefused; TargetUnreachable when DNS cannot tell now.
        """
        host, port = parse_url(url)
        literal = _literal(host)
        if literal is not None:
            judge(literal, self._policy)
            return
        try:
            await self._resolver.resolve(host, port)
        except (_Refusal, _NotFound) as refused:
            raise TargetRefused(str(refused)) from refused
        except OSError as wrong:
            raise TargetUnreachable(str(wrong)) from wrong

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Result:
        """POST and read the answer. Raises TargetRefused, TargetUnreachable."""
        assert self._session is not None
        host, _ = parse_url(url)
        literal = _literal(host)
        if literal is not None:
            judge(literal, self._policy)  # aiohttp resolves no literals, so the resolver would not see it
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                data = await answer.content.read(MAX_REPLY)
                return Result(answer.status, data)
        except aiohttp.ClientConnectorDNSError as wrong:
            if isinstance(wrong.os_error, _Refusal):
                raise TargetRefused(str(wrong.os_error)) from wrong
            raise TargetUnreachable(f"{host}: host not found") from wrong
        except TimeoutError as late:
            raise TargetUnreachable("timed out") from late
        except (aiohttp.ClientError, OSError, ValueError) as wrong:
            raise TargetUnreachable(f"{type(wrong).__name__}: {wrong}"[:300]) from wrong


def parse_url(url: str) -> tuple[str, int]:
    """Host and port of a URL that could be called. Raises TargetRefused."""
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise TargetRefused("invalid URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as wrong:
        raise TargetRefused("invalid URL") from wrong
    if parts.scheme not in ("http", "https"):
        raise TargetRefused("invalid URL scheme")
    if not parts.hostname:
        raise TargetRefused("missing host")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused("credentials in the URL are not allowed")
    return parts.hostname, port or (443 if parts.scheme == "https" else 80)


def judge(address: Address, policy: str) -> None:
    """Refuse an address that is not public, as far as `policy` does not allow it. Raises TargetRefused."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    real: Address = mapped or address
    if policy == "yes" or (policy == "loopback" and real.is_loopback):
        return
    if not real.is_global or real.is_multicast or any(real in network for network in _NEVER):
        raise TargetRefused(f"{address} is not a public address")


def _literal(host: str) -> Address | None:
    """The address that a host *is*, in any spelling that the system's resolver would take for one."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # 0x7f.1, 2130706433, 017700000001
    except (OSError, ValueError):
        return None


class _Refusal(OSError):
    """A refused address, in the only family of errors that the connector hands on."""


class _NotFound(OSError):
    """The name surely does not exist."""


class _Resolver(AbstractResolver):
    """Resolves for the connector, which then connects to exactly what was judged here."""

    def __init__(self, settings: Settings, policy: str) -> None:
        self._settings = settings
        self._policy = policy
        self._dns: dns.asyncresolver.Resolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of `host`. Raises OSError, also for those that we do not connect to."""
        literal = _literal(host)
        found = [literal] if literal is not None else await self._addresses(host)
        for address in found:
            try:
                judge(address, self._policy)
            except TargetRefused as refused:
                raise _Refusal(str(refused)) from refused
        return [_result(host, port, address) for address in found]

    async def _addresses(self, host: str) -> list[Address]:
        if host.rstrip(".").lower() == "localhost":
            return [ipaddress.ip_address("127.0.0.1")]  # RFC 6761 section 6.3: not a question for DNS
        if self._dns is None:
            self._dns = dns.asyncresolver.Resolver(configure=not self._settings.dns)
            if self._settings.dns:
                server, port = host_port(self._settings.dns, "POSTWRIGHT_DNS")
                self._dns.nameservers, self._dns.port = [server], port
            self._dns.lifetime = LOOKUP_SECONDS
        found: list[Address] = []
        sure = True
        for kind in ("A", "AAAA"):
            try:
                answer = await self._dns.resolve(host, kind)
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                continue
            except (dns.exception.DNSException, OSError):
                sure = False
                continue
            found.extend(ipaddress.ip_address(record.address) for record in answer)
        if not found:
            raise _NotFound("host not found") if sure else OSError(f"{host}: look-up failed")
        return found

    async def close(self) -> None:
        """Nothing to close."""


def _result(host: str, port: int, address: Address) -> ResolveResult:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=family,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )
