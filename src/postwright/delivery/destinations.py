"""Where mail for a domain goes: the capture inbox, a smarthost, or the MX hosts of the real world."""

import asyncio
import ipaddress
import random
import socket
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import idna
import msgspec

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.lookups import FAILED_SECONDS, Lookup, Remembered, Resolver, State
from postwright.kernel.outgoing import Address, TargetRefused, judge
from postwright.kernel.settings import Settings

from .trace import Try

MAX_HOSTS = 5  # of a domain, and
MAX_ADDRESSES = 2  # of each host are tried (Stalwart's figures, delivery-engineering.md 2.1)
MAX_CACHED = 64_000
# That a domain does not exist is believed when it was true twice, so far apart (delivery-engineering.md 2.1).
CONFIRM_SECONDS = 300
MAX_MISSING = 64_000
FORGET_MISSING_SECONDS = 86400


class Host(msgspec.Struct, frozen=True):
    """One address to try."""

    name: str
    address: str
    port: int
    outside: bool = True  # not our own capture inbox: TLS and source addresses matter
    secure: bool = False  # the address is validated by DNSSEC
    alias_of: str = ""  # where CNAME records of the name lead, when they do

    @property
    def version(self) -> int:
        """4 or 6; 0 for a smarthost's name."""
        try:
            return ipaddress.ip_address(self.address).version
        except ValueError:
            return 0

    def others(self, hosts: list["Host"]) -> list["Host"]:
        """The addresses of the other family that the same host has."""
        return [each for each in hosts if each.name == self.name and each.version != self.version]


class Route(msgspec.Struct, frozen=True):
    """The way to a recipient domain."""

    domain: str
    hosts: list[Host]  # in the order to try them
    names: tuple[str, ...] = ()  # all MX hosts by preference, lower case, also those that are not tried
    secure: bool = False  # the MX records are validated by DNSSEC
    published: bool = False  # it was found in DNS, so that policies published there apply


class Unroutable(Exception):
    """There is no host to try. `permanent`: there never will be."""

    def __init__(self, code: int, text: str, *, permanent: bool = False, enhanced: str = "") -> None:
        self.code, self.text, self.permanent, self.enhanced = code, text, permanent, enhanced
        self.tried: list[Try] = []
        super().__init__(text)


Hosted = Callable[[str], Awaitable[bool]]


class Destinations:
    """Finds the hosts for a recipient domain, as the setting `delivery` says."""

    def __init__(
        self,
        settings: Settings,
        capture_port: Path,
        mx_port: int = 25,
        *,
        clock: Clock | None = None,
        resolver: Resolver | None = None,
        hosted: Hosted | None = None,
        sources: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._settings = settings
        self._mx_port = mx_port  # another one is for tests, which cannot listen on 25
        self._capture_port = capture_port
        self._clock = clock or Clock()
        self._resolver = resolver or Resolver(settings)
        self._hosted = hosted  # whether a domain's mail is received by this installation
        self._routes: Remembered[Route | Unroutable] = Remembered(self._clock, self._find, MAX_CACHED)
        self._hosts: Remembered[tuple[list[Host], bool]] = Remembered(
            self._clock, self._addresses, MAX_CACHED
        )
        self._missing: dict[str, int] = {}  # domains, and since when they do not exist
        self._sources = sources  # the addresses that mail leaves from; none: the system chooses

    @property
    def capture(self) -> bool:
        """Whether everything goes to the built-in inbox."""
        return self._settings.capture

    def site(self, domain: str) -> str:
        """The name of the queue that mail for `domain` shares."""
        if self._settings.capture:
            return "capture"
        return self._settings.delivery if self._settings.smarthost else domain

    async def hosts(self, domain: str) -> list[Host]:
        """The hosts for `domain` in the order to try them. Raises Unroutable."""
        return (await self.route(domain)).hosts

    async def route(self, domain: str) -> Route:
        """The way to `domain`. Raises Unroutable."""
        if self._settings.capture:
            return Route(domain, [self._capture()])
        smarthost = self._settings.smarthost
        if smarthost:
            return Route(domain, [Host(smarthost[0], smarthost[0], smarthost[1])])
        found = await self._routes.get(domain)
        if isinstance(found, Unroutable):
            # Not the object that was kept: each raise would hang another traceback on it.
            raise Unroutable(found.code, found.text, permanent=found.permanent, enhanced=found.enhanced)
        return found

    def known(self, domain: str) -> Route | Unroutable | None:
        """The way to `domain` as far as it is known without asking DNS."""
        return self._routes.known(domain)

    async def receives(self, domain: str) -> bool:
        """Whether mail for `domain` is this installation's own to receive, so that reaching us is no loop."""
        return self._hosted is not None and await self._hosted(domain)

    def _capture(self) -> Host:
        try:
            port = int(self._capture_port.read_text())
        except (OSError, ValueError) as wrong:
            raise Unroutable(499, "The capture inbox is not running") from wrong
        return Host("capture.localhost", "127.0.0.1", port, outside=False)

    async def _find(self, domain: str) -> tuple[Route | Unroutable, float]:
        """The route or why there is none, and how many seconds that holds."""
        if domain.startswith("["):
            return await self._literal(domain)
        try:
            name = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            return _nowhere(553, f"[{domain}] is no domain name", "5.1.2"), FAILED_SECONDS
        mx = await self._resolver.ask(name, "MX")
        if mx.state is State.FAILED:
            return Unroutable(498, f"DNS lookup of [{domain}] failed: {mx.problem}"), FAILED_SECONDS
        if mx.state is State.MISSING:
            return self._no_domain(domain), FAILED_SECONDS
        self._missing.pop(domain, None)
        records = _by_preference(mx, name)
        if not records:
            # RFC 7505 §4.1: the domain says that it takes no mail.
            text = f"Domain [{domain}] does not accept mail (null MX)"
            return _nowhere(556, text, "5.1.10"), mx.seconds
        return await self._through(domain, mx, records)

    async def _through(
        self, domain: str, mx: Lookup, records: list[tuple[int, str]]
    ) -> tuple[Route | Unroutable, float]:
        names = [name for _, name in records]
        found = await asyncio.gather(*(self._hosts.get(name) for name in names[:MAX_HOSTS]))
        hosts = [
            (preference, host)
            for (preference, _), (addresses, _) in zip(records, found, strict=False)
            for host in addresses
        ]
        if not hosts:
            if any(failed for _, failed in found):
                return Unroutable(498, f"DNS lookup of the MX hosts of [{domain}] failed"), FAILED_SECONDS
            return Unroutable(498, f"No MX for [{domain}]"), FAILED_SECONDS
        allowed = [(preference, host) for preference, host in hosts if self._allowed(host)]
        if not allowed and any(failed for _, failed in found):
            return Unroutable(451, f"No MX of [{domain}] can be used now", enhanced="4.4.4"), FAILED_SECONDS
        if not allowed:
            # A public name that points into our own network is a way to reach what is not public.
            return _nowhere(550, f"MX of [{domain}] has only private addresses", "5.4.4"), mx.seconds
        kept = await self._before_us(domain, allowed)
        if not kept:
            return _nowhere(554, f"Mail for [{domain}] loops back to this server", "5.4.6"), mx.seconds
        route = Route(domain, kept, tuple(dict.fromkeys(names)), mx.secure, published=True)
        return route, mx.seconds

    async def _literal(self, domain: str) -> tuple[Route | Unroutable, float]:
        """An address literal (RFC 5321 §4.1.3): the address itself."""
        text = domain.strip("[]")
        try:
            address = ipaddress.ip_address(text[5:] if text[:5].lower() == "ipv6:" else text)
        except ValueError:
            return _nowhere(553, f"{domain} is no address", "5.1.3"), FAILED_SECONDS
        host = Host(domain, str(address), self._mx_port)
        if not self._allowed(host):
            return _nowhere(550, f"{domain} is not a public address", "5.4.4"), FAILED_SECONDS
        if not await self._before_us(domain, [(0, host)]):
            return _nowhere(554, f"Mail for {domain} loops back to this server", "5.4.6"), FAILED_SECONDS
        return Route(domain, [host], (domain,)), FAILED_SECONDS

    def _no_domain(self, domain: str) -> Unroutable:
        text = f"No MX for [{domain}]"
        now = self._clock.now()
        since = self._missing.get(domain, 0)
        if since and CONFIRM_SECONDS <= (now - since) / SECOND <= FORGET_MISSING_SECONDS:
            return _nowhere(498, text, "5.1.2")
        if not since or now - since > FORGET_MISSING_SECONDS * SECOND:
            if len(self._missing) >= MAX_MISSING:
                self._missing.pop(next(iter(self._missing)))
            self._missing[domain] = now
        return Unroutable(498, text)

    def _families(self) -> list[str]:
        """The record types of addresses that we can reach, the preferred first."""
        kinds = {"ipv4": ["A"], "ipv6": ["AAAA"], "ipv6-first": ["AAAA", "A"]}.get(
            self._settings.address_family, ["A", "AAAA"]
        )
        declared = {ipaddress.ip_address(address).version for address in self._sources()}
        reachable = [kind for kind in kinds if not declared or (4 if kind == "A" else 6) in declared]
        return reachable or kinds

    async def _addresses(self, name: str) -> tuple[tuple[list[Host], bool], float]:
        """The hosts behind one name, and whether DNS could not tell; how many seconds that holds."""
        answers = await asyncio.gather(*(self._resolver.ask(name, kind) for kind in self._families()))
        lists = []
        for answer in answers:
            alias = answer.name if answer.name != name else ""
            lists.append(
                [
                    Host(name, record.address, self._mx_port, secure=answer.secure, alias_of=alias)
                    for record in answer.records
                ]
            )
        found = [answer for answer in answers if answer.state is State.FOUND]
        failed = any(answer.state is State.FAILED for answer in answers)
        seconds = min((answer.seconds for answer in found), default=FAILED_SECONDS)
        return (_in_turn(lists)[:MAX_ADDRESSES], failed), min(seconds, FAILED_SECONDS) if failed else seconds

    def _allowed(self, host: Host) -> bool:
        try:
            judge(ipaddress.ip_address(host.address), self._settings.private_targets)
        except TargetRefused:
            return False
        return True

    async def _before_us(self, domain: str, hosts: list[tuple[int, Host]]) -> list[Host]:
        """The hosts that are preferred to ourselves, when we are among them (RFC 5321 §5.1)."""
        if self._settings.private_targets != "yes":
            ours = [preference for preference, host in hosts if _is_ours(ipaddress.ip_address(host.address))]
            if ours and not await self.receives(domain):
                hosts = [(preference, host) for preference, host in hosts if preference < min(ours)]
        return [host for _, host in hosts]


def _by_preference(mx: Lookup, domain: str) -> list[tuple[int, str]]:
    """Preferences and names, equals shuffled (RFC 5321 §5.1); the domain itself when there is no MX record.

    A null MX among others means nothing (RFC 7505 §3) and is left out; alone it leaves nothing.
    """
    if mx.state is State.EMPTY:
        return [(0, domain)]
    records = [
        (record.preference, record.exchange.to_text(omit_final_dot=True).lower()) for record in mx.records
    ]
    random.shuffle(records)
    return sorted(
        ((preference, name) for preference, name in records if name != "."), key=lambda record: record[0]
    )


def _in_turn(lists: list[list[Host]]) -> list[Host]:
    """One of each family, then the next of each: what is wrong with one address is rarely wrong with the other."""
    longest = max(map(len, lists), default=0)
    return [each[at] for at in range(longest) for each in lists if at < len(each)]


def _is_ours(address: Address) -> bool:
    """Whether this machine has `address`: only from it would the system itself answer to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))  # nothing is sent
            return bool(probe.getsockname()[0] == str(address))
    except OSError:
        return False


def _nowhere(code: int, text: str, enhanced: str) -> Unroutable:
    return Unroutable(code, text, permanent=True, enhanced=enhanced)
