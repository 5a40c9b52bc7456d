"""Rates and connections of this process: even spacing, a share of each limit, and what the receiver bears."""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable

from postwright.kernel.clock import SECOND

from .policy import Policy, Rate

# Adaptive concurrency (delivery-engineering.md 2.7): additive increase, multiplicative decrease.
START = 2  # connections
CLEAN = 50  # deliveries without complaint for one more
COOL_SECONDS, COOL_MAX_SECONDS = 60, 900
# So many reductions in so much time, and the site is left almost alone.
SQUEEZE_COUNT, SQUEEZE_SECONDS = 3, 3600
DEAD_SECONDS = 120  # a site whose hosts do not answer is not asked again for (ZoneMTA's figure)


class Spacing:
    """A rate as even spacing (GCRA): who asks is told when, and one that comes late may make up for one step."""

    def __init__(self) -> None:
        self._next = 0

    def reserve(self, now: int, rate: Rate, share: float) -> int:
        """The time of the next turn, in microseconds; it is taken. `share`: the part of the rate that is ours."""
        step = int(rate.interval * SECOND / share)
        at = max(now, self._next)
        self._next = (self._next if self._next > now - step else now) + step
        return at


class Pace:
    """How many connections the receiver bears, as far as it has shown."""

    def __init__(self) -> None:
        self.limit = START
        self._clean = 0
        self._cool_until = 0
        self._cool_seconds = COOL_SECONDS
        self._hits: deque[int] = deque(maxlen=SQUEEZE_COUNT)

    def clean(self, now: int, cap: int) -> bool:
        """A message was taken. True: one connection more is allowed."""
        self._clean += 1
        if self._clean < CLEAN or now < self._cool_until or self.limit >= cap:
            return False
        self._clean = 0
        self.limit += 1
        return True

    def slow_down(self, now: int, open_now: int) -> bool:
        """The receiver asks for less. True: it has done so often, and should be left almost alone."""
        if now < self._cool_until:
            return False  # the answers to what was already on the way
        if self._hits and now - self._hits[-1] > SQUEEZE_SECONDS * SECOND:
            self._cool_seconds = COOL_SECONDS
        self.limit = max(1, min(self.limit, open_now or 1) // 2)
        self._clean = 0
        self._cool_until = now + self._cool_seconds * SECOND
        self._cool_seconds = min(2 * self._cool_seconds, COOL_MAX_SECONDS)
        self._hits.append(now)
        often = len(self._hits) == SQUEEZE_COUNT and now - self._hits[0] < SQUEEZE_SECONDS * SECOND
        if often:
            self._hits.clear()
        return often


class Gate:
    """What one source address may do at one site (or at all sites of a provider), in this process."""

    def __init__(self) -> None:
        self.open = 0  # connections
        self.pace = Pace()
        self.messages = Spacing()
        self.connections = Spacing()
        self.failures = 0  # connections in a row that failed
        self.dead_until = 0
        self.problem = ""  # why the last one did
        self._changed: asyncio.Event = asyncio.Event()
        self.wanted = 0  # who waits for a connection
        self.resting: set[asyncio.Event] = set()  # wake those who hold one without need

    def freed(self) -> None:
        """Wake who waits for a connection."""
        self._changed.set()

    async def wait(self) -> None:
        """Until something may have become free."""
        self.wanted += 1
        try:
            for event in self.resting:
                event.set()
            self._changed.clear()
            await self._changed.wait()
        finally:
            self.wanted -= 1

    def failed(self, now: int, most: int) -> None:
        """No host answered. After `most` in a row the site counts as dead for a while."""
        self.failures += 1
        if self.failures >= most:
            self.failures = 0
            self.dead_until = now + DEAD_SECONDS * SECOND


class Slot:
    """The right to one connection."""

    def __init__(self, gates: "list[Gate]") -> None:
        self._gates = gates
        for gate in gates:
            gate.open += 1

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it."""
        return any(gate.wanted for gate in self._gates)

    def rest(self, wake: asyncio.Event, resting: bool) -> None:
        """Let `wake` be set when somebody wants it (or no longer)."""
        for gate in self._gates:
            (gate.resting.add if resting else gate.resting.discard)(wake)

    def release(self) -> None:
        """Give it back; again it does nothing."""
        gates, self._gates = self._gates, []
        for gate in gates:
            gate.open -= 1
            gate.freed()


class Share:
    """This process's part of what all delivery processes may do together.

    A limit that cannot be divided goes to some of them, to others at each site, so that all have work.
    """

    def __init__(self) -> None:
        self.rank, self.count = 0, 1

    def of(self, limit: int, site: str) -> int:
        """How many of `limit` connections to `site` are ours; 0: none, other processes have them."""
        if self.count <= 1:
            return limit
        rank = (self.rank + zlib.crc32(site.encode())) % self.count
        return limit // self.count + (rank < limit % self.count)


class Gates:
    """All gates of this process."""

    KEEP = 50_000

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._gates: dict[tuple[str, str], Gate] = {}
        self.share = Share()

    def at(self, scope: str, source: str) -> Gate:
        """The gate of a site, or of `provider:NAME`."""
        gate = self._gates.get((scope, source))
        if gate is None:
            if len(self._gates) >= self.KEEP:
                self._forget()
            gate = self._gates[scope, source] = Gate()
        return gate

    def _forget(self) -> None:
        idle = [key for key, gate in self._gates.items() if not gate.open and not gate.wanted]
        for key in idle[: self.KEEP // 10]:
            del self._gates[key]

    def connections(self, site: str, source: str, policy: Policy) -> int:
        """How many connections this process may have now from a source to a site."""
        cap = self.share.of(policy.connections, site)
        if policy.adaptive:
            cap = min(cap, self.at(site, source).pace.limit)
        return cap

    def take(self, site: str, source: str, policy: Policy) -> Slot | Gate:
        """A connection, or the gate at which to wait for one."""
        gate = self.at(site, source)
        if gate.open >= self.connections(site, source, policy):
            return gate
        if not policy.provider_connections:
            return Slot([gate])
        wide = self.at(f"provider:{policy.provider}", source)
        if wide.open >= self.share.of(policy.provider_connections, policy.provider):
            return wide
        return Slot([gate, wide])

    def turn(self, site: str, source: str, policy: Policy) -> int:
        """When the next message may go to a site, in microseconds; 0: at once. The turn is taken."""
        at = 0
        if policy.message_rate is not None:
            at = self._reserve(self.at(site, source).messages, policy.message_rate, policy, site)
        if policy.provider_message_rate is not None:
            wide = self.at(f"provider:{policy.provider}", source).messages
            at = max(at, self._reserve(wide, policy.provider_message_rate, policy, site))
        return at

    def connect_turn(self, site: str, source: str, policy: Policy) -> int:
        """When the next connection to a site may be opened; the turn is taken."""
        if policy.connection_rate is None:
            return 0
        return self._reserve(self.at(site, source).connections, policy.connection_rate, policy, site)

    def _reserve(self, spacing: Spacing, rate: Rate, policy: Policy, site: str) -> int:
        share = self.share.of(policy.connections, site) / policy.connections
        return spacing.reserve(self._now(), rate, share or 1.0)
