"""Take a message in: describe it, put our fields before it, and store it with its jobs in one transaction."""

import msgspec

from postwright import arrivals, events, messages
from postwright.arrivals import Arrival, Attached
from postwright.kernel import failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, Write
from postwright.kernel.ids import Sequence, hex_id
from postwright.kernel.secrets import Vault
from postwright.mail.headers import encode, format_date
from postwright.mail.mime import Parsed
from postwright.spool import Blob, Spool

from . import facts
from .directory import Found
from .findings import Findings

MAX_TEXT = 1000  # characters of a header text that are kept for events


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Who gave us a message, and how."""

    address: str
    helo: str
    tls: bool
    sender: str  # of the envelope
    smtputf8: bool = False


class _Copy(msgspec.Struct, frozen=True):
    """One domain's share of a message, ready to be stored."""

    arrival: Arrival
    blob: Blob
    jobs: list[tuple[int, str]]
    told: list[str]  # the recipients that an event tells of


class Receiver:
    """Stores what came in. One for each process."""

    def __init__(
        self,
        *,
        db: Db,
        clock: Clock,
        spool: Spool,
        vault: Vault,
        sequence: Sequence,
        hostname: str,
        base_url: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._spool = spool
        self._vault = vault
        self._sequence = sequence
        self._hostname = hostname
        self._base_url = base_url  # how storage URLs begin

    async def receive(
        self,
        peer: Peer,
        found: list[Found],
        raw: bytes,
        parsed: Parsed,
        findings: Findings,
    ) -> str:
        """Store the message durably for each domain among `found`; its queue id. Raises StoreUnavailable, OSError."""
        queue_id = hex_id()
        by_domain: dict[str, list[Found]] = {}
        for each in found:
            by_domain.setdefault(each.domain.id, []).append(each)
        # One copy for each domain: what one keeps or deletes is nothing to the other.
        copies = [
            await self._copy(peer, group, raw, parsed, findings, queue_id) for group in by_domain.values()
        ]
        failpoints.hit("inbound.before")
        await self._db.write(self._store, copies)
        failpoints.hit("inbound.committed")
        return queue_id

    def _store(self, tx: Write, copies: list[_Copy]) -> None:
        now = self._clock.now()
        for copy in copies:
            arrival = copy.arrival
            messages.keep(tx, self._spool, facts.meta(arrival), copy.blob, arrival.expires_at)
            arrivals.add(tx, now, arrival, copy.jobs)
            if copy.told:
                events.append(tx, now, [facts.accepted(arrival, recipient) for recipient in copy.told])

    async def _copy(
        self,
        peer: Peer,
        group: list[Found],
        raw: bytes,
        parsed: Parsed,
        findings: Findings,
        queue_id: str,
    ) -> _Copy:
        now = self._clock.now()
        domain = group[0].domain
        key = self._sequence.next()
        # The receiver's own addresses are no secret to it; RFC 5321 §4.4 wants `for` only where there is one.
        only = group[0].target.address if len(group) == 1 else ""
        head = {name.lower(): value for name, value in reversed(parsed.headers)}
        storage_key = messages.storage_key(self._vault, key)
        arrival = Arrival(
            id=key,
            account_id=domain.account_id,
            domain_id=domain.id,
            domain=domain.name,
            sender=peer.sender,
            recipients=[each.target.address for each in group],
            peer=peer.address,
            helo=peer.helo,
            tls=peer.tls,
            received_at=now,
            expires_at=now + (domain.message_ttl or messages.RETENTION) * SECOND,
            size=len(raw),
            message_id=head.get("message-id", "").strip().removeprefix("<").removesuffix(">")[:MAX_TEXT],
            from_=head.get("from", "")[:MAX_TEXT],
            to=head.get("to", "")[:MAX_TEXT],
            subject=head.get("subject", "")[:MAX_TEXT],
            attachments=[
                Attached(part.filename[:MAX_TEXT], part.content_type[:MAX_TEXT], len(part.data))
                for part in parsed.attachments[:100]
            ],
            storage_key=storage_key,
            storage_url=f"{self._base_url}/v3/domains/{domain.name}/messages/{storage_key}",
            verdict=findings.verdict,
            spam=findings.spam,
            encrypted=domain.encrypt_incoming,
        )
        above = [
            ("X-Mailgun-Incoming", "Yes"),
            ("X-Envelope-From", f"<{peer.sender}>"),
            *findings.fields,
            ("Received", self._received(peer, queue_id, only, now)),
        ]
        content = messages.packed(_encoded(above) + raw, self._vault if domain.encrypt_incoming else None)
        return _Copy(
            arrival,
            await self._spool.prepare(content),
            [(self._sequence.next(), each.target.address) for each in group],
            [each.target.address for each in group if not each.internal],
        )

    def _received(self, peer: Peer, queue_id: str, only: str, now: int) -> str:
        """The value of our trace field (RFC 5321 §4.4, RFC 3848, RFC 6531 §4.3)."""
        protocol = ("UTF8SMTP" if peer.smtputf8 else "ESMTP") + ("S" if peer.tls else "")
        address = f"IPv6:{peer.address}" if ":" in peer.address else peer.address
        helo = peer.helo if peer.helo.isascii() else "unknown"
        to = f" for <{only}>" if only and only.isascii() else ""
        return (
            f"from {helo} ([{address}]) by {self._hostname} with {protocol} id {queue_id}{to}; "
            f"{format_date(now // SECOND)}"
        )


def _encoded(fields: list[tuple[str, str]]) -> bytes:
    """The fields as they stand in a message; an address outside ASCII stays what it is (RFC 6532)."""
    return b"".join(
        f"{name}: {value}\r\n".encode() if name == "X-Envelope-From" else encode(name, value)
        for name, value in fields
    )
