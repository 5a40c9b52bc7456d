"""Reputations learnt from events: small counters, for warm-ups and for pools that go by reputation."""

from collections.abc import Sequence

import msgspec

from postwright.events import Entry, Projection
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Write

from .records import Figures
from .store import reputations

HOUR = 3600 * SECOND
# Reasons that speak of the sender, not of the recipient (behaviour.md 5.2).
_BLOCKED = ("espblock", "blacklisted")


class _Envelope(msgspec.Struct):
    sending_ip: str = msgspec.field(name="sending-ip", default="")


class _Flags(msgspec.Struct):
    delayed: bool = msgspec.field(name="is-delayed-bounce", default=False)
    test: bool = msgspec.field(name="is-test-mode", default=False)


class _Told(msgspec.Struct):
    """The members of an event that count here."""

    envelope: _Envelope = msgspec.field(default_factory=_Envelope)
    reason: str = ""
    flags: _Flags = msgspec.field(default_factory=_Flags)


_decode = msgspec.json.Decoder(_Told).decode


class ReputationProjection(Projection):
    """Counts what came of mail for each domain and each source address, by hour."""

    name = "reputations"

    def apply(self, tx: Write, entries: Sequence[Entry]) -> None:
        """Take in events."""
        counts: dict[tuple[str, int], Figures] = {}
        for entry in entries:
            if entry.name not in ("delivered", "failed", "complained"):
                continue
            told = _decode(entry.data)
            figures = _figures(entry, told)
            if figures is None:
                continue
            hour = entry.at - entry.at % HOUR
            scopes = [f"domain:{entry.domain_id}"]
            if told.envelope.sending_ip:
                scopes.append(f"ip:{told.envelope.sending_ip}")
            for scope in scopes:
                counts[scope, hour] = counts.get((scope, hour), Figures()).plus(figures)
        reputations.add(tx, counts)


def _figures(entry: Entry, told: _Told) -> Figures | None:
    if told.flags.test:
        return None  # it was not sent, and earns nothing
    if entry.name == "delivered":
        return Figures(processed=1)
    if entry.name == "complained":
        return Figures(complained=1)
    blocked = int(told.reason in _BLOCKED)
    if entry.severity == "temporary":
        return Figures(blocked=1) if blocked else None
    if told.reason.startswith("suppress-"):
        return None  # it was not sent
    # What bounced after it was delivered is counted already.
    return Figures(
        processed=int(not told.flags.delayed), bounced=int(told.reason == "bounce"), blocked=blocked
    )
