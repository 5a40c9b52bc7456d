"""Where mail for a domain goes: the capture inbox, a smarthost, or the MX hosts of the real world."""

import asyncio
import ipaddress
import random
import time
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import msgspec

from postwright.kernel.outgoing import TargetRefused, judge
from postwright.kernel.resolver import resolver
from postwright.kernel.settings import Settings

MAX_HOSTS = 5
MAX_ADDRESSES = 2  # of each host
MAX_CACHED = 64_000
CACHE_SECONDS = 300
NEGATIVE_SECONDS = 60


class Host(msgspec.Struct, frozen=True):
    """One address to try."""

    name: str
    address: str
    port: int
    outside: bool = True  # not our own capture inbox: TLS and source addresses matter


class Unroutable(Exception):
    """There is no host to try. `permanent`: there never will be."""

    def __init__(self, code: int, text: str, *, permanent: bool = False, enhanced: str = "") -> None:
        self.code, self.text, self.permanent, self.enhanced = code, text, permanent, enhanced
        super().__init__(text)


class Destinations:
    """Finds the hosts for a recipient domain, as the setting `delivery` says."""

    def __init__(self, settings: Settings, capture_port: Path, mx_port: int = 25) -> None:
        self._settings = settings
        self._mx_port = mx_port  # another one is for tests, which cannot listen on 25
        self._capture_port = capture_port
        self._cache: dict[str, tuple[float, list[Host] | Unroutable]] = {}
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._pending: dict[str, asyncio.Task[list[Host] | Unroutable]] = {}

    def site(self, domain: str) -> str:
        """The name of the queue that mail for `domain` shares."""
        if self._settings.capture:
            return "capture"
        return self._settings.delivery if self._settings.smarthost else domain

    async def hosts(self, domain: str) -> list[Host]:
        """The hosts for `domain` in the order to try them. Raises Unroutable."""
        if self._settings.capture:
            return [self._capture()]
        smarthost = self._settings.smarthost
        if smarthost:
            return [Host(smarthost[0], smarthost[0], smarthost[1])]
        until, found = self._cache.get(domain, (0.0, []))
        if until < time.monotonic():
            found = await self._look_up_once(domain)
            lasts = NEGATIVE_SECONDS if isinstance(found, Unroutable) else CACHE_SECONDS
            if len(self._cache) >= MAX_CACHED:
                self._cache.pop(next(iter(self._cache)))
            self._cache[domain] = (time.monotonic() + lasts, found)
        if isinstance(found, Unroutable):
            raise found
        return found

    def _capture(self) -> Host:
        try:
            port = int(self._capture_port.read_text())
        except (OSError, ValueError) as wrong:
            raise Unroutable(499, "The capture inbox is not running") from wrong
        return Host("capture.localhost", "127.0.0.1", port, outside=False)

    async def _look_up_once(self, domain: str) -> list[Host] | Unroutable:
        """One look-up for all the connections that begin at the same time."""
        task = self._pending.get(domain)
        if task is None:
            task = self._pending[domain] = asyncio.create_task(self._look_up(domain))
            task.add_done_callback(lambda _: self._pending.pop(domain))
        return await asyncio.shield(task)

    async def _look_up(self, domain: str) -> list[Host] | Unroutable:
        if self._resolver is None:
            self._resolver = resolver(self._settings)
        try:
            names = await self._mx(domain)
            hosts: list[Host] = []
            for name in names[:MAX_HOSTS]:
                hosts.extend(Host(name, address, self._mx_port) for address in await self._addresses(name))
        except Unroutable as no:
            return no
        if not hosts:
            return Unroutable(498, f"No MX for [{domain}]")
        allowed = [host for host in hosts if self._allowed(host.address)]
        if not allowed:
            # A public name that points into our own network is a way to reach what is not public.
            return Unroutable(
                550, f"MX of [{domain}] has only private addresses", permanent=True, enhanced="5.4.4"
            )
        return allowed

    async def _mx(self, domain: str) -> list[str]:
        """MX names by preference, equals shuffled (RFC 5321 section 5.1); the domain itself without any."""
        assert self._resolver is not None
        try:
            answer = await self._resolver.resolve(domain, "MX")
        except dns.resolver.NoAnswer:
            return [domain]
        except dns.resolver.NXDOMAIN as none:
            raise Unroutable(498, f"No MX for [{domain}]") from none
        except (dns.exception.DNSException, OSError) as wrong:
            raise Unroutable(498, f"DNS lookup of [{domain}] failed: {type(wrong).__name__}") from wrong
        records = [(record.preference, record.exchange.to_text(omit_final_dot=True)) for record in answer]
        if [name for _, name in records] == ["."]:
            # RFC 7505 section 4.1: the domain says that it takes no mail.
            raise Unroutable(
                556, f"Domain [{domain}] does not accept mail (null MX)", permanent=True, enhanced="5.1.10"
            )
        random.shuffle(records)
        return [name for _, name in sorted(records, key=lambda record: record[0]) if name != "."]

    async def _addresses(self, name: str) -> list[str]:
        assert self._resolver is not None
        found: list[str] = []
        for kind in ("A", "AAAA"):
            try:
                answer = await self._resolver.resolve(name, kind)
            except (dns.exception.DNSException, OSError):
                continue  # the other family or another host may do
            found.extend(record.address for record in answer)
        return found[:MAX_ADDRESSES] if found else []

    def _allowed(self, address: str) -> bool:
        try:
            judge(ipaddress.ip_address(address), self._settings.private_targets)
        except TargetRefused:
            return False
        return True
