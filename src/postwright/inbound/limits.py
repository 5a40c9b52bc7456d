"""How much one address may send us (mox's figures, delivery-engineering.md section 9)."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

CONNECTIONS = 300  # a minute
AT_ONCE = 30
MESSAGES = 500  # a minute
OCTETS = 1000 * 1024 * 1024  # a minute
WINDOW = 60.0  # seconds
MAX_KEPT = 100_000  # networks
# Wider networks may do more: who has many addresses next to each other is one sender all the same.
_MASKS = {4: ((32, 1), (26, 3), (21, 9)), 6: ((64, 1), (48, 3), (32, 9))}


def networks(peer: str) -> list[tuple[str, int]]:
    """The networks that `peer` counts for, each with the multiple of the limits that it has."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return [(peer, 1)]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return [
        (str(ipaddress.ip_network((address, bits), strict=False)), times)
        for bits, times in _MASKS[address.version]
    ]


class Window:
    """Amounts by network in windows of a minute."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def add(self, peer: str, amount: int) -> bool:
        """Count `amount`; False when a network of `peer` had its share before."""
        now, within = self._clock(), True
        for network, times in networks(peer):
            began, count = self._counts.get(network, (now, 0))
            if now - began >= WINDOW:
                began, count = now, 0
            within = within and count < self._limit * times
            self._counts[network] = (began, count + amount)
            self._counts.move_to_end(network)
        while len(self._counts) > MAX_KEPT:
            self._counts.popitem(last=False)
        return within


class PeerLimits:
    """The limits of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._connections = Window(CONNECTIONS, clock)
        self._messages = Window(MESSAGES, clock)
        self._octets = Window(OCTETS, clock)

    def connect(self, peer: str, others: Iterable[str]) -> bool:
        """Whether `peer` may connect, while the peers `others` are connected."""
        within = self._connections.add(peer, 1)
        counts = {network: 0 for network, _ in networks(peer)}
        if within:
            for other in others:
                for network, _ in networks(other) if other != peer else networks(peer):
                    if network in counts:
                        counts[network] += 1
        return within and all(counts[network] < AT_ONCE * times for network, times in networks(peer))

    def message(self, peer: str) -> bool:
        """Whether `peer` may begin another message."""
        return self._messages.add(peer, 1) and self._octets.add(peer, 0)

    def received(self, peer: str, octets: int) -> None:
        """Count what a message was long."""
        self._octets.add(peer, octets)
