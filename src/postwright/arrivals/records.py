"""What is known of a received message, and the contract of who handles it."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from postwright.kernel.db import Read, Write

Head = Sequence[tuple[str, str]]  # the header fields in order, decoded for people
Effect = Callable[[Write], None]  # what a handler wants done, run in the transaction that ends the job


class TryLater(Exception):
    """A handler cannot do its work now; the job comes again, with nothing done by any handler."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the sender could prove, in the words of RFC 8601: pass, fail, softfail, neutral, none, temperror, …"""

    spf: str = "none"
    spf_domain: str = ""
    dkim: str = "none"  # pass when any signature holds
    dkim_domains: list[str] = []  # those whose signature holds
    dmarc: str = "none"
    dmarc_policy: str = ""  # none · quarantine · reject, of the From domain
    arc: str = "none"


class Spam(msgspec.Struct, frozen=True, kw_only=True):
    """What the spam scanner said."""

    flagged: bool
    score: float
    rules: list[str] = []


class Attached(msgspec.Struct, frozen=True, rename={"content_type": "content-type"}):
    """An attachment, as events tell of it."""

    filename: str
    content_type: str
    size: int


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient, and the domain of ours that takes mail for it."""

    account_id: str
    domain_id: str
    domain: str  # our domain: a parent of the address's host when it takes mail for all its sub-hosts
    address: str  # bare; its host in ASCII and lower case, its local part as it was given


class Arrival(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A received message, as one domain of ours sees it. Times in microseconds.

    `id` names it in `messages` and in the spool; its bytes there begin with the fields that we put before it
    (X-Mailgun-Incoming, X-Envelope-From, spam results, Authentication-Results, Received).
    """

    id: int
    account_id: str
    domain_id: str
    domain: str
    sender: str  # of the envelope; "" for a bounce
    recipients: list[str]  # of the envelope, those of this domain
    peer: str  # address it came from
    helo: str
    tls: bool = False
    received_at: int
    expires_at: int  # when the stored copy goes
    size: int  # octets, as received
    message_id: str  # without angle brackets; "" when there is none
    from_: str  # header texts, decoded
    to: str
    subject: str
    attachments: list[Attached] = []
    storage_key: str
    storage_url: str
    verdict: Verdict = Verdict()
    spam: Spam | None = None  # None: nobody looked
    encrypted: bool = False  # the stored copy is sealed


class Handler(Protocol):
    """Something that takes mail for certain addresses.

    For each recipient every handler is asked, in the order of the list, except that an `exclusive` one (reports,
    unsubscribing) that takes the address is the only one.
    """

    name: str
    exclusive: bool

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether it does anything with mail for `target`.

        Asked at RCPT with `head` None (answer True when the headers could decide so), and once more with the header
        fields before the message is accepted: what nobody takes is refused, never bounced. Must be an indexed
        look-up; no network.
        """
        ...

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Deal with the message for one recipient, outside of any transaction.

        The `Effect` runs in the transaction that ends the job, together with those of the other handlers: rows for
        later work (HTTP posts with retries of their own, messages to send) and events belong there. Called only
        where `takes` agreed. `message` is MIME with our fields in front. May be called again after a crash or when
        another handler raised: what it does before it returns must be harmless when repeated. Raises TryLater.
        """
        ...


encode_arrival = msgspec.msgpack.Encoder().encode
decode_arrival = msgspec.msgpack.Decoder(Arrival).decode
