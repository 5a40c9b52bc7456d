"""Passing a received message on to other addresses so that it stays deliverable.

The message goes out as it came. Above it stand a Delivered-To field (who gets a message for an address that is in
there has it for the second time), and an ARC seal over what we found out about it. The envelope sender is rewritten
into our domain (SRS), a null one stays null.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec

from postwright import domains, messages, queue
from postwright.arrivals import Arrival, Target
from postwright.domains import Domain, SigningKey
from postwright.inbound import facts as arrival_facts
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.ids import Sequence as Numbers
from postwright.kernel.ids import hex_id
from postwright.kernel.secrets import Vault
from postwright.mail.arc import BrokenChain, Sealer, sets
from postwright.mail.dkim import DkimError
from postwright.mail.headers import format_date
from postwright.mail.mime import fit_to_relay
from postwright.mail.srs import Srs
from postwright.spool import Spool

log = logging.getLogger("postwright.forwarding")

INLINE = 256 * 1024  # octets; sealing more takes long enough to be given to a thread
MARK = "Delivered-To"


class Relay:
    """Makes copies of received messages for other addresses."""

    def __init__(
        self, *, db: Db, clock: Clock, spool: Spool, vault: Vault, sequence: Numbers, hostname: str
    ) -> None:
        self.clock = clock
        self.db = db
        self.srs = Srs(vault.derive("forwarded senders"))
        self._spool = spool
        self._vault = vault
        self._sequence = sequence
        self._hostname = hostname

    async def prepare(
        self,
        arrival: Arrival,
        target: Target,
        message: bytes,
        addresses: Sequence[str],
        *,
        bounce: bool = False,
    ) -> Callable[[Write], None]:
        """What queues the message for `addresses`; `bounce`: it goes back to who sent it, as it is."""
        now = self.clock.now()
        domain, keys = await self.db.read(self._domain, target.domain_id)
        message = fit_to_relay(message)
        if bounce:
            raw = message
        elif len(message) > INLINE:
            raw = await asyncio.to_thread(self._marked, arrival, target, message, keys, now)
        else:
            raw = self._marked(arrival, target, message, keys, now)
        number = self._sequence.next()
        # A copy says what the original says: it is kept as that is.
        sealed = arrival.encrypted
        meta = msgspec.structs.replace(
            arrival_facts.meta(arrival),
            id=number,
            size=len(raw),
            recipients=[],
            several=len(addresses) > 1,
            accepted_at=now,
            received=f"by {self._hostname} with ESMTP id {hex_id()}; {format_date(now // SECOND)}",
            return_host=domain.return_host if domain else target.domain,
            dkim=False,
            incoming=False,
            encrypted=sealed,
            routed=True,
            envelope=self._envelope(arrival.sender, domain.return_host if domain else target.domain, now),
        )
        blob = await self._spool.prepare(messages.packed(raw, self._vault if sealed else None))
        items = [
            queue.NewItem(self._sequence.next(), number, address, address.rpartition("@")[2])
            for address in addresses
        ]
        return lambda tx: messages.relay(tx, self._spool, meta, blob, items)

    def _domain(self, tx: Read, domain_id: str) -> tuple[Domain | None, list[SigningKey]]:
        return domains.by_id(tx, domain_id), domains.signing_keys(tx, self._vault, domain_id)

    def _envelope(self, sender: str, host: str, now: int) -> str | None:
        """The sender for the copy; None (our own bounce address) where rewriting would make it too long."""
        return self.srs.forward(sender, host, now // SECOND) if sender else ""

    def _marked(
        self, arrival: Arrival, target: Target, message: bytes, keys: list[SigningKey], now: int
    ) -> bytes:
        mark = f"{MARK}: {target.address}\r\n".encode()
        return mark + self._seal(arrival, message, keys, now) + message

    def _seal(self, arrival: Arrival, message: bytes, keys: list[SigningKey], now: int) -> bytes:
        """The seal, or nothing where a chain is broken or was not found to be good."""
        for key in sorted(keys, key=lambda each: each.selector):
            try:
                if sets(message) and arrival.verdict.arc != "pass":
                    return b""
                sealer = Sealer(key.authority, key.selector, key.pem)
                return sealer.seal(message, self._hostname, _results(arrival), now // SECOND)
            except BrokenChain:
                return b""
            except DkimError:
                continue  # not an RSA key
        return b""


def _results(arrival: Arrival) -> list[str]:
    """What we found out, in the words of RFC 8601."""
    verdict = arrival.verdict
    spf = f"spf={verdict.spf}"
    if domain := _name(verdict.spf_domain or arrival.sender.rpartition("@")[2]):
        spf += f" smtp.mailfrom={domain}"
    dkim = [f"dkim=pass header.d={name}" for name in map(_name, verdict.dkim_domains) if name]
    dmarc = f"dmarc={verdict.dmarc}"
    if author := _name(arrival.from_.rpartition("@")[2].strip("<> ")):
        dmarc += f" header.from={author}"
    return [spf, *(dkim or [f"dkim={verdict.dkim}"]), dmarc, f"arc={verdict.arc}"]


def _name(domain: str) -> str:
    """A domain name that can stand in a field; "" when what is said to be one cannot."""
    plain = domain.isascii() and domain.replace("-", "").replace(".", "").replace("_", "").isalnum()
    return domain.lower() if plain and len(domain) <= 253 else ""
