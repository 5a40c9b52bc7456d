"""HTTP to addresses that users give: webhooks, forwards, archives.

Such a URL must not become a way into our own network (SSRF). It is parsed once, by the parser of the client that
calls it: two parsers can see two hosts. The host is resolved once, every address it has is judged, and exactly those
addresses are connected to, so that a name cannot answer differently the second time; each socket judges its address
again. Redirects are not followed, since they would lead anywhere; nothing is sent but what the caller gives.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping

import aiohttp
import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from yarl import URL

from .resolver import resolver
from .settings import Settings

MAX_URL = 2048  # characters
MAX_REPLY = 64 * 1024  # octets of an answer that are read
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
KEEP_ALIVE_SECONDS = (
    1.5  # less than receivers keep idle connections (gunicorn 2, Node 5): a POST is not retried
)
# The only addresses of IPv6 that are given to hosts of the Internet (IANA, RFC 4291 section 2.4). NAT64, mapped,
# compatible and site-local addresses are outside.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
# Ranges that Python calls global, although they are not, or lead to an address that was not judged.
_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "2001::/32",  # Teredo (RFC 4380)
        "2002::/16",  # 6to4 (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
    )
]

# Ports of other protocols, whose servers may take a POST for commands (the "bad ports" of browsers, WHATWG Fetch 2.9):
# a stranger's mail server must not get mail from us in this way.
_PORTS = (
    "1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 "
    "123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 "
    "990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080"
)
_FORBIDDEN_PORTS = frozenset(map(int, _PORTS.split()))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TargetRefused(Exception):
    """The URL is malformed, or leads where we do not go; the text says which, for people."""


class TargetUnreachable(Exception):
    """No answer: the name does not resolve, the connection fails, or it takes too long."""


class CertificateRefused(TargetUnreachable):
    """The server's certificate is not valid for its name."""


class Result(msgspec.Struct, frozen=True):
    """An answer, of which at most MAX_REPLY octets were read."""

    status: int
    body: bytes
    media_type: str = ""  # lower case, without parameters


class Outgoing:
    """The one client for URLs of users. `async with Outgoing(settings) as client`."""

    def __init__(self, settings: Settings) -> None:
        self._policy = settings.private_targets
        self._resolver = _Resolver(settings, self._policy)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Outgoing":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                limit=0,
                ttl_dns_cache=10,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                socket_factory=self._socket,
                ssl=ssl.create_default_context(),
            ),
            # No cookies: one customer's receiver must not be told what another's said.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS),
            headers={"User-Agent": "Postwright", "Accept-Encoding": "identity"},
            auto_decompress=False,  # a small answer must not become a large one
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
        target = parse_url(url)
        try:
            await self._resolver.resolve(target.raw_host or "")
        except (_Refusal, _NotFound) as refused:
            raise TargetRefused(str(refused)) from refused
        except OSError as wrong:
            raise TargetUnreachable(str(wrong)) from wrong

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Result:
        """POST and read the beginning of the answer. Raises TargetRefused, TargetUnreachable."""
        return await self._call("POST", url, body, headers)

    async def get(self, url: str) -> Result:
        """GET and read the beginning of the answer. Raises TargetRefused, TargetUnreachable, CertificateRefused."""
        return await self._call("GET", url, None, {})

    async def _call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Result:
        assert self._session is not None
        target = parse_url(url)
        try:
            async with self._session.request(
                method, target, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return Result(answer.status, await _beginning(answer.content), answer.content_type.lower())
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as wrong:
            raise CertificateRefused(str(wrong)[:300]) from wrong
        except aiohttp.ClientConnectorError as wrong:
            if isinstance(wrong.os_error, _Refusal):
                raise TargetRefused(str(wrong.os_error)) from wrong
            if isinstance(wrong, aiohttp.ClientConnectorDNSError):
                raise TargetUnreachable(f"{target.host}: host not found") from wrong
            raise TargetUnreachable(str(wrong)[:300]) from wrong
        except TimeoutError as late:
            raise TargetUnreachable("timed out") from late
        except (aiohttp.ClientError, OSError, ValueError) as wrong:
            raise TargetUnreachable(f"{type(wrong).__name__}: {wrong}"[:300]) from wrong

    def _socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for an address, which nothing that is refused gets, whatever way it came here."""
        family, kind, protocol, _, address = info
        try:
            judge(ipaddress.ip_address(address[0]), self._policy)
        except TargetRefused as refused:
            raise _Refusal(str(refused)) from refused
        return socket.socket(family, kind, protocol)


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """The first MAX_REPLY octets; who sends more loses the connection when the caller lets go of the answer."""
    pieces = bytearray()
    while len(pieces) < MAX_REPLY and (piece := await content.read(MAX_REPLY - len(pieces))):
        pieces += piece
    return bytes(pieces)


def parse_url(url: str) -> URL:
    """A URL that could be called. Raises TargetRefused."""
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise TargetRefused("invalid URL")
    try:
        target = URL(url)
    except ValueError as wrong:
        raise TargetRefused("invalid URL") from wrong
    if target.scheme not in ("http", "https"):
        raise TargetRefused("invalid URL scheme")
    if not target.raw_host:
        raise TargetRefused("missing host")
    if target.raw_user is not None or target.raw_password is not None:
        raise TargetRefused("credentials in the URL are not allowed")
    if "%" in target.raw_host or not target.port:
        raise TargetRefused("invalid URL")
    if target.port in _FORBIDDEN_PORTS:
        raise TargetRefused(f"port {target.port} is not allowed")
    if ":" not in target.raw_host and _is_odd_number(target.raw_host):
        raise TargetRefused("not a canonical IPv4 address")
    return target


def _is_odd_number(host: str) -> bool:
    """Whether systems would take a host for an IPv4 address that is not written as four decimal numbers."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        pass
    else:
        return False
    try:
        socket.inet_aton(host)  # 0x7f.1, 2130706433, 017700000001
    except OSError:
        # Nor is a name whose last label is a number a name (RFC 3696 section 2).
        return host.rstrip(".").rpartition(".")[2].isdecimal()
    return True


def judge(address: Address, policy: str) -> None:
    """Refuse an address that is not public, as far as `policy` does not allow it. Raises TargetRefused."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    real: Address = mapped or address
    if policy == "yes" or (policy == "loopback" and real.is_loopback):
        return
    is_assigned = real.version == 4 or real in _GLOBAL_V6
    if not (is_assigned and real.is_global) or real.is_multicast or any(real in one for one in _NEVER):
        raise TargetRefused(f"{address} is not a public address")
    if is_own(real):
        raise TargetRefused(f"{address} is an address of this machine")


def is_own(address: Address) -> bool:
    """Whether an address is one of this machine's: what a firewall keeps from others is open to us there.

    Asks the routing table: for its own addresses a machine would send from the very same one. Nothing is sent.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == address
    except OSError:
        return False  # no way there at all


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
        for address in (found := await self._addresses(host)):
            try:
                judge(address, self._policy)
            except TargetRefused as refused:
                raise _Refusal(str(refused)) from refused
        return [_result(host, port, address) for address in found]

    async def _addresses(self, host: str) -> list[Address]:
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            pass  # a name
        if host.rstrip(".").lower() == "localhost":
            return [ipaddress.ip_address("127.0.0.1")]  # RFC 6761 section 6.3: not a question for DNS
        try:
            name = dns.name.from_text(host)
        except (dns.exception.DNSException, ValueError) as wrong:
            raise _NotFound("host not found") from wrong
        answers = await asyncio.gather(self._ask(name, "A"), self._ask(name, "AAAA"))
        found = [address for answer in answers if answer for address in answer]
        if not found:
            raise OSError(f"{host}: look-up failed") if None in answers else _NotFound("host not found")
        return found

    async def _ask(self, name: dns.name.Name, kind: str) -> list[Address] | None:
        """The addresses of one kind; None when DNS cannot tell."""
        if self._dns is None:
            self._dns = resolver(self._settings)
        try:
            answer = await self._dns.resolve(name, kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError):
            return None
        return [ipaddress.ip_address(record.address) for record in answer]

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
