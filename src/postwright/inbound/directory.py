"""Who takes mail for an address."""

from collections.abc import Sequence

import msgspec

from postwright import domains
from postwright.arrivals import Handler, Head, Target
from postwright.domains import Domain
from postwright.kernel.db import Read
from postwright.mail.addresses import AddressError, parse_one, to_ascii
from postwright.mail.smtp import Reply

NO_RELAY = Reply(550, "5.7.1", "Relaying denied")
NO_SUCH = Reply(550, "5.1.1", "No such recipient here")


class Refusal(Exception):
    """Nobody takes mail for the address; `reply` says so."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(reply.text)


class Found(msgspec.Struct, frozen=True):
    """A recipient, its domain, and those who take its mail."""

    target: Target
    domain: Domain
    handlers: tuple[Handler, ...]

    @property
    def internal(self) -> bool:
        """Whether we consume its mail ourselves (reports, unsubscribing): no event tells of it."""
        return self.handlers[0].exclusive


class Directory:
    """Finds the handlers of an address."""

    def __init__(self, handlers: Sequence[Handler]) -> None:
        # Exclusive ones first: what one of them takes is nobody else's.
        self._handlers = sorted(handlers, key=lambda each: not each.exclusive)

    def find(self, tx: Read, address: str, head: Head | None = None) -> Found:
        """Who takes mail for `address`; with the header fields, when they are known. Raises Refusal."""
        host, spec = _parsed(address)
        domain = domains.receiving(tx, host)
        if domain is None:
            raise Refusal(NO_RELAY)
        target = Target(account_id=domain.account_id, domain_id=domain.id, domain=domain.name, address=spec)
        # On a host that is ours only for the sake of bounces nothing else lives.
        ordinary = host == domain.name or (domain.wildcard and host.endswith(f".{domain.name}"))
        takers = self.takers(tx, target, head, ordinary=ordinary)
        if not takers:
            raise Refusal(NO_SUCH)
        return Found(target, domain, takers)

    def takers(
        self, tx: Read, target: Target, head: Head | None, *, ordinary: bool = True
    ) -> tuple[Handler, ...]:
        """The handlers that take mail for `target`; an exclusive one alone."""
        found = []
        for handler in self._handlers:
            if (handler.exclusive or ordinary) and handler.takes(tx, target, head):
                found.append(handler)
                if handler.exclusive:
                    break
        return tuple(found)


def _parsed(address: str) -> tuple[str, str]:
    """Host and bare address. Raises Refusal."""
    try:
        if address[:2].lower() == "u+":
            # Ours to unsubscribe: for a long recipient longer than 64 octets, which we may give to ourselves.
            local, _, domain = address.rpartition("@")
            host = to_ascii(domain)
            return host, f"{local}@{host}"
        parsed = parse_one(address)
    except AddressError:
        raise Refusal(Reply(553, "5.1.3", "Bad address syntax")) from None
    return parsed.domain, parsed.spec
