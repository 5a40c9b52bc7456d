"""Limits on guessing passwords (mox's figures, delivery-engineering.md section 9)."""

import asyncio
import ipaddress
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable

PER_MINUTE = 10  # failures from one address
PER_DAY = 50
PER_ACCOUNT_HOUR = 20  # failures for one login, from addresses that never knew its password
FREE = 3  # failures from an address before it has to wait
MAX_DELAY = 15.0  # seconds
MAX_KEPT = 100_000  # addresses, logins, and pairs of both, each
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


class Logins:
    """Counts failed logins of all connections that share it.

    An attempt is charged when it begins and given back when it succeeds, so that many at once do not slip through.
    Whom only attempts under way stand in the way of waits for them (`admit`): a program that opens thirty connections
    at once guesses nothing.
    A login under attack from elsewhere stays open to the addresses it was used from before.
    """

    def __init__(self, *, delay: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay = delay  # seconds for each failure after the free ones; tests take less
        self._clock = clock
        self._peers: OrderedDict[str, deque[float]] = OrderedDict()
        self._names: OrderedDict[str, deque[float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._under_way: Counter[str] = Counter()  # attempts of addresses and of logins
        self._one_ended = asyncio.Event()

    async def admit(self, peer: str, login: str) -> bool:
        """Begin an attempt, to be ended by `ended`; wait for others that may turn out right. False: see `begin`."""
        both = network(peer), _name(login)
        while not self.begin(peer, login):
            if not any(self._under_way[each] for each in both):
                return False
            await self._one_ended.wait()
        self._under_way.update(both)
        return True

    def ended(self, peer: str, login: str) -> None:
        """An admitted attempt has come to its end, whatever that is."""
        for each in (network(peer), _name(login)):
            self._under_way[each] -= 1
            if not self._under_way[each]:
                del self._under_way[each]
        self._one_ended.set()
        self._one_ended = asyncio.Event()

    def begin(self, peer: str, login: str) -> bool:
        """Charge an attempt. False: no more of them for now."""
        now, who, name = self._clock(), network(peer), _name(login)
        known = (who, name) in self._known
        by_peer = _recent(self._peers, who, now - _DAY)
        by_name = _recent(self._names, name, now - _HOUR)
        last_minute = sum(1 for at in by_peer if at > now - _MINUTE)
        if last_minute >= PER_MINUTE or len(by_peer) >= PER_DAY:
            return False
        if len(by_name) >= PER_ACCOUNT_HOUR and not known:
            return False
        by_peer.append(now)
        if not known:
            by_name.append(now)
        return True

    def succeeded(self, peer: str, login: str) -> None:
        """Give the attempt back."""
        who, name = network(peer), _name(login)
        for counts, key in ((self._peers, who), (self._names, name)):
            attempts = counts.get(key)
            if attempts and (counts is self._peers or (who, name) not in self._known):
                attempts.pop()
        self._known[(who, name)] = None
        self._known.move_to_end((who, name))
        while len(self._known) > MAX_KEPT:
            self._known.popitem(last=False)

    def failed(self, peer: str, login: str) -> float:
        """Seconds to wait before the failure is told."""
        count = len(self._peers.get(network(peer), ()))
        return min(max(0, count - FREE) * self._delay, MAX_DELAY)


def network(peer: str) -> str:
    """What counts as one address: of IPv6 a /64, as everybody is given at least one."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


def _name(login: str) -> str:
    return login.strip().lower()[:320]


def _recent(counts: OrderedDict[str, deque[float]], key: str, since: float) -> deque[float]:
    """The attempts of `key` since a time; the deque is the one that is kept."""
    attempts = counts.get(key)
    if attempts is None:
        attempts = counts[key] = deque()
        while len(counts) > MAX_KEPT:
            counts.popitem(last=False)
    while attempts and attempts[0] <= since:
        attempts.popleft()
    counts.move_to_end(key)
    return attempts
