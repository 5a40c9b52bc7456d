"""Who does something with received mail by the order of a customer: routes, forwards, and returning bounces."""

from collections.abc import Sequence

import msgspec

from postwright import events, forwards, messages
from postwright.arrivals import Arrival, Effect, Head, Target
from postwright.forwards import STORE_ONLY
from postwright.inbound import stored
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.mail.headers import decode
from postwright.mail.mime import parse_head
from postwright.routes import Forward, Router, Store

from . import facts, store
from .facts import Ordered
from .relay import MARK, Relay

FORWARD, NOTIFY = "forward", "notify"
MAX_DESTINATIONS = 500  # of one recipient's message; what comes after them in priority is left out


class Orders(msgspec.Struct):
    """What is to be done with a message for one recipient, each destination with those who ordered it."""

    urls: dict[str, list[Ordered]] = {}
    addresses: dict[str, list[Ordered]] = {}
    notify: dict[str, list[Ordered]] = {}
    store: bool = False

    def forward(self, destination: str, by: Ordered) -> None:
        """Pass it on."""
        if len(self.urls) + len(self.addresses) < MAX_DESTINATIONS:
            to = self.urls if "://" in destination else self.addresses
            to.setdefault(destination, []).append(by)

    def keep(self, notify: str, by: Ordered) -> None:
        """Store it, and tell a URL ("": nobody)."""
        self.store = True
        if notify:
            self.notify.setdefault(notify, []).append(by)


class _Carrier:
    """Carries orders out."""

    exclusive = False

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def _effect(
        self, arrival: Arrival, target: Target, message: bytes, orders: Orders
    ) -> Effect | None:
        recipient = target.address
        told = [
            facts.accepted(arrival, recipient, to, by, http=http)
            for destinations, http in ((orders.urls, True), (orders.addresses, False))
            for to, by in destinations.items()
        ]
        addresses = list(orders.addresses)
        if addresses and _was_here(message, recipient):
            told.extend(facts.looped(arrival, recipient, address) for address in addresses)
            addresses = []
        queued = await self._relay.prepare(arrival, target, message, addresses) if addresses else None
        calls = [
            (arrival.account_id, arrival.domain_id, arrival.id, recipient, kind, url)
            for kind, urls in ((FORWARD, orders.urls), (NOTIFY, orders.notify))
            for url in urls
        ]
        if orders.store:
            told.append(stored(arrival, recipient))

        def apply(tx: Write) -> None:
            now = self._relay.clock.now()
            events.append(tx, now, told)
            if calls:
                store.calls.add(tx, now, calls)
                messages.hold(tx, arrival.id, now)
            if queued is not None:
                queued(tx)

        return apply if told else None


class Routing(_Carrier):
    """The account's routes."""

    name = "routes"

    def __init__(self, relay: Relay, router: Router) -> None:
        super().__init__(relay)
        self._router = router

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether a route matches, or could."""
        if head is None:
            return self._router.may_match(tx, target.account_id, target.address)
        return bool(self._router.hits(tx, target.account_id, target.address, head))

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Carry out the actions of the routes that match."""
        head = [(name, decode(value)) for name, value in parse_head(message)]
        hits = await self._relay.db.read(self._router.hits, target.account_id, target.address, head)
        orders = Orders()
        for hit in hits:
            by = facts.by_route(hit.route, target.address)
            for action in hit.actions:
                if isinstance(action, Forward):
                    for destination in action.destinations:
                        orders.forward(destination, by)
                elif isinstance(action, Store):
                    orders.keep(action.notify, by)
        return await self._effect(arrival, target, message, orders)


class Forwarding(_Carrier):
    """The domain's forwards."""

    name = "forwards"

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether a rule matches."""
        return bool(forwards.matching(tx, target.domain_id, target.address))

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Carry out the rules that match."""
        orders = Orders()
        for rule in await self._relay.db.read(forwards.matching, target.domain_id, target.address):
            by, targets = facts.by_forward(rule, target.address), rule.targets
            for destination in (*targets.urls, *targets.recipients):
                orders.forward(destination, by)
            if targets.store:
                orders.keep("" if targets.store == STORE_ONLY else targets.store, by)
        return await self._effect(arrival, target, message, orders)


class Returns:
    """Mail to a sender that we rewrote goes back to the one who stood there before."""

    name = "returns"
    exclusive = True

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether we made the address, not too long ago."""
        return self._origin(target) is not None

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Pass it back."""
        origin = self._origin(target)
        if origin is None or _was_here(message, target.address):
            return None
        return await self._relay.prepare(arrival, target, message, [origin], bounce=True)

    def _origin(self, target: Target) -> str | None:
        return self._relay.srs.reverse(target.address, self._relay.clock.now() // SECOND)


def _was_here(message: bytes, recipient: str) -> bool:
    """Whether the message was delivered to the recipient before and has come back."""
    fields: Sequence[tuple[str, str]] = parse_head(message)
    return any(
        name.lower() == MARK.lower() and value.strip().lower() == recipient.lower() for name, value in fields
    )
