"""Addresses that always exist: postmaster, abuse, and everyone who can log in."""

from postwright import domains, events
from postwright.arrivals import Arrival, Effect, Head, Target
from postwright.events import Event
from postwright.kernel.clock import Clock
from postwright.kernel.db import Read, Write
from postwright.messages import facts as message_facts

from . import facts

# RFC 5321 §4.5.1, RFC 2142 §4 and §5.
ALWAYS = frozenset({"postmaster", "abuse", "hostmaster"})


class Kept:
    """Keeps mail to these addresses as a stored message, for as long as the domain keeps messages."""

    name = "kept"
    exclusive = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether the address always exists."""
        local = target.address.rpartition("@")[0].lower()
        return local in ALWAYS or domains.login(tx, f"{local}@{target.domain}") is not None

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Tell that it is stored."""
        event = stored(arrival, target.address)

        def apply(tx: Write) -> None:
            events.append(tx, self._clock.now(), [event])

        return apply


def stored(arrival: Arrival, recipient: str) -> Event:
    """The event `stored`, which has no recipient of its own (behaviour.md 6.3)."""
    data = message_facts.shared(facts.meta(arrival), recipient, None)
    for name in ("recipient", "recipient-domain", "recipient-provider", "envelope"):
        del data[name]
    data["message"]["recipients"] = [recipient]
    return Event(
        name="stored",
        account_id=arrival.account_id,
        domain_id=arrival.domain_id,
        message_id=arrival.message_id,
        data=data,
    )
