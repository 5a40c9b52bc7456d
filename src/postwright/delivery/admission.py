"""Whether, when and over how many connections a message may go: the table of limits at work."""

from postwright.kernel.clock import Clock

from . import metering
from .outcome import Attempt
from .places import Place, parked_key
from .shaping import Board, Gates, Policy, Reactions, Shaping, Slot
from .shaping.limits import Gate
from .shaping.reactions import asks_for_less, per_connection

# Where a receiver asked for less again and again (KumoMTA's default rule, delivery-engineering.md 2.7).
SQUEEZED = {"connections": 1, "message_rate": "1/min"}
SQUEEZED_SECONDS = 90 * 60
READY = 200  # recipients that a site may have in memory (delivery-engineering.md 1.4: max_ready)
READY_SECONDS = 120  # or, with a low rate, as many as leave in this time: their leases must not run out


class Admission:
    """What all connections of a process ask before they send."""

    def __init__(self, clock: Clock, shaping: Shaping, board: Board) -> None:
        self._clock = clock
        self._shaping = shaping
        self.board = board
        self.gates = Gates(clock.now)
        self._reactions = Reactions()

    def policy(self, place: Place, source: str) -> Policy:
        """What holds now from `source` to `place`."""
        if place.local:
            policy = self._shaping.smarthost
        else:
            policy = self._shaping.policy(place.site, source, place.provider, place.domain)
        return self.board.apply(policy, place.site, source)

    def gate(self, place: Place, source: str) -> Gate:
        """The counts from `source` to `place`."""
        return self.gates.at(place.site, source)

    def most_ready(self, place: Place) -> int:
        """How many recipients may wait in memory."""
        rate = self.policy(place, "").message_rate
        if rate is None:
            return READY
        return min(READY, max(4, int(READY_SECONDS / rate.interval)))

    def connections(self, place: Place, source: str) -> int:
        """How many connections there may be now."""
        return self.gates.connections(place.site, source, self.policy(place, source))

    def ours(self, place: Place) -> bool:
        """Whether this process has any part of the place's connections."""
        return self.gates.share.of(self.policy(place, "").connections, place.site) > 0

    def held(self, place: Place, source: str, account_id: str) -> str | None:
        """What to park under when something holds this back."""
        for scope in ((place.site,), (place.site, source), (place.site, source, account_id)):
            if self.board.until(*scope):
                return parked_key(*scope)
        return None

    def slot(self, place: Place, source: str) -> Slot | Gate:
        """The right to one connection, or the gate to wait at."""
        return self.gates.take(place.site, source, self.policy(place, source))

    def took(self, place: Place, source: str) -> bool:
        """A message was taken. True: there may be one connection more."""
        policy = self.policy(place, source)
        gate = self.gate(place, source)
        if not policy.adaptive or not gate.pace.clean(self._clock.now(), policy.connections):
            return False
        metering.bears(place.provider, source, gate.pace.limit)
        return True

    async def refused(self, place: Place, source: str, account_id: str, attempt: Attempt) -> None:
        """A server said no: what the table's rules and the wish for less lead to."""
        policy = self.policy(place, source)
        scope = (place.site, source, account_id)
        now = self._clock.now()
        reply = f"{attempt.code} {attempt.enhanced} {attempt.text}"
        rule = self._reactions.rule_for(policy, now, scope, attempt.code, attempt.enhanced, attempt.text)
        if rule is not None:
            await self.board.suspend(
                site=place.site,
                source=source,
                account_id=account_id if rule.scope == "account" else "",
                limits=rule.limits,
                rule=rule.name,
                reason=reply,
                seconds=rule.seconds,
            )
        elif policy.adaptive and asks_for_less(attempt.code, attempt.enhanced, attempt.text, attempt.command):
            await self.slow_down(place, source, reply)

    async def slow_down(self, place: Place, source: str, reply: str) -> None:
        """Halve the connections; leave the place almost alone when that was not the first time."""
        if not self.policy(place, source).adaptive:
            return
        gate = self.gate(place, source)
        often = gate.pace.slow_down(self._clock.now(), gate.open)
        metering.bears(place.provider, source, gate.pace.limit)
        if often:
            await self.board.suspend(
                site=place.site,
                source=source,
                limits=SQUEEZED,
                rule="asked for less again and again",
                reason=reply,
                seconds=SQUEEZED_SECONDS,
            )


__all__ = ["READY", "Admission", "per_connection"]
