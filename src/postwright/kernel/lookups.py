"""Questions to DNS: bounded in number, remembered for as long as the answer says, asked once by all who wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Generic, TypeVar

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.rdata
import dns.resolver
import msgspec
from dns.rdtypes.ANY.TLSA import TLSA

from . import metrics
from .clock import SECOND, Clock
from .resolver import resolver
from .settings import Settings

CONCURRENT = 128  # look-ups at once (KumoMTA's limit, delivery-engineering.md 2.1)
MIN_SECONDS, MAX_SECONDS = 30.0, 3600.0  # how long an answer is kept, whatever its TTL
NEGATIVE_SECONDS = 300.0  # that there is no such record
FAILED_SECONDS = 60.0  # that DNS could not tell
T = TypeVar("T")
_CACHE_HITS = metrics.Counter(
    "dns_cache_hits_total", "Destinations and policies that were known already."
).labels()

_TIME = metrics.Histogram("dns_seconds", "Look-ups in DNS, by how they ended.", ("result",))
_SECURE = metrics.Counter(
    "dns_validated_total",
    "Look-ups that found records, by whether DNSSEC validated them.",
    ("kind", "validated"),
)
_read_tlsa = TLSA.from_wire_parser


def _read_any_tlsa(rdclass: Any, rdtype: Any, parser: Any, origin: Any = None) -> dns.rdata.Rdata:
    """A TLSA record, or its plain octets where dnspython finds fault with it and would drop the whole answer.

    Records that are of no use must not hide those that are (RFC 6698 §4.1, RFC 7671 §10).
    """
    began = parser.current
    try:
        return _read_tlsa(rdclass, rdtype, parser, origin)
    except (ValueError, dns.exception.DNSException):
        parser.seek(began)
        return dns.rdata.GenericRdata(rdclass, rdtype, parser.get_remaining())


TLSA.from_wire_parser = _read_any_tlsa  # type: ignore[method-assign,assignment]


class State(Enum):
    """How a look-up ended."""

    FOUND = "found"
    EMPTY = "empty"  # the name exists, without such a record
    MISSING = "missing"  # NXDOMAIN
    FAILED = "failed"  # SERVFAIL, a timeout: nobody knows


class Lookup(msgspec.Struct, frozen=True):
    """An answer."""

    state: State
    records: tuple[Any, ...] = ()
    secure: bool = False  # validated by DNSSEC, as far as the resolver is believed
    name: str = ""  # where CNAME records led to, lower case, without the final dot
    seconds: float = FAILED_SECONDS  # how long it may be kept
    problem: str = ""


class Resolver:
    """Asks the resolver of the installation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dns.asyncresolver.Resolver | None = None
        self._trusted = False
        self._room = asyncio.Semaphore(CONCURRENT)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if self._made is None:
            made = resolver(self._settings)
            # AD in a question asks for it in the answer (RFC 6840 §5.7).
            made.set_flags(dns.flags.RD | dns.flags.AD)
            # What the flag says is as good as the way to who said it (RFC 6698 §A.3): a resolver that the
            # operator named, or one on this machine.
            self._trusted = self._settings.dane != "off" and (
                bool(self._settings.dns)
                or all(str(server).startswith("127.") or str(server) == "::1" for server in made.nameservers)
            )
            self._made = made
        return self._made

    async def ask(self, name: str, kind: str) -> Lookup:
        """Look up. Never raises for what DNS does."""
        began = time.monotonic()
        found = await self._ask(name, kind)
        _TIME.labels(found.state.value).observe(time.monotonic() - began)
        if found.state is State.FOUND:
            _SECURE.labels(kind, "yes" if found.secure else "no").inc()
        return found

    async def _ask(self, name: str, kind: str) -> Lookup:
        asked = self._resolver()
        async with self._room:
            try:
                answer = await asked.resolve(name, kind, raise_on_no_answer=False)
            except dns.resolver.NXDOMAIN:
                return Lookup(State.MISSING, seconds=NEGATIVE_SECONDS)
            except (dns.exception.DNSException, OSError, ValueError) as wrong:
                return Lookup(State.FAILED, problem=type(wrong).__name__)
        secure = self._trusted and bool(answer.response.flags & dns.flags.AD)
        if answer.rrset is None:
            return Lookup(State.EMPTY, secure=secure, seconds=NEGATIVE_SECONDS)
        return Lookup(
            State.FOUND,
            tuple(answer),
            secure,
            answer.canonical_name.to_text(omit_final_dot=True).lower(),
            min(max(float(answer.rrset.ttl), MIN_SECONDS), MAX_SECONDS),
        )


class Remembered(Generic[T]):
    """Values by name, each loaded once for all who wait for it and kept as long as the loader says."""

    def __init__(self, clock: Clock, load: Callable[[str], Awaitable[tuple[T, float]]], limit: int) -> None:
        self._clock, self._load, self._limit = clock, load, limit
        self._kept: dict[str, tuple[int, T]] = {}
        self._pending: dict[str, asyncio.Task[T]] = {}

    async def get(self, name: str) -> T:
        """The value for `name`."""
        until, value = self._kept.get(name, (0, None))
        if until > self._clock.now():
            _CACHE_HITS.inc()
            return value  # type: ignore[return-value]  # only values are kept with a time
        task = self._pending.get(name)
        if task is None:
            task = self._pending[name] = asyncio.create_task(self._fresh(name))
            task.add_done_callback(lambda _: self._pending.pop(name))
        return await asyncio.shield(task)

    def known(self, name: str) -> T | None:
        """The value for `name` if it need not be loaded."""
        until, value = self._kept.get(name, (0, None))
        return value if until > self._clock.now() else None

    def forget(self, name: str) -> None:
        """Load `name` anew the next time."""
        self._kept.pop(name, None)

    async def _fresh(self, name: str) -> T:
        value, seconds = await self._load(name)
        self._kept.pop(name, None)
        if len(self._kept) >= self._limit:
            self._kept.pop(next(iter(self._kept)))
        self._kept[name] = (self._clock.now() + int(seconds * SECOND), value)
        return value
