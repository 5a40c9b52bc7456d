"""Mail that is for us: bounces, complaints, unsubscribing."""

from postwright.arrivals import Arrival, Effect, Head, Target
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read
from postwright.kernel.secrets import Vault
from postwright.reports import Reports
from postwright.tracking import Tokens, take_mail_unsubscribe

# Where feedback loops may be told to send complaints. RFC 2142 §4 has abuse@ for people: a report there counts as
# well, and what is none is kept for them (`Kept`).
COMPLAINTS = frozenset({"fbl", "abuse"})


class Bounces:
    """Delivery reports to the envelope senders of our mail. Others to `bounce+…` are refused at RCPT."""

    name = "bounces"
    exclusive = True

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether we made the address, not too long ago."""
        return self._reports.is_bounce_address(target.address)

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Let the report count. It may be taken twice: the second time changes nothing."""
        await self._reports.take_dsn(target.address, message)
        return None


class Complaints:
    """Feedback reports (RFC 5965)."""

    name = "complaints"
    exclusive = False

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether complaints come to the address."""
        return target.address.rpartition("@")[0].lower() in COMPLAINTS

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Let the complaint count, if it is one; again it changes nothing."""
        await self._reports.take_arf(message)
        return None


class Unsubscribing:
    """Mail to the address in List-Unsubscribe."""

    name = "unsubscribing"
    exclusive = True

    def __init__(self, db: Db, vault: Vault, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._tokens = Tokens(vault)

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        """Whether we made the address."""
        return self._tokens.mail(target.address) is not None

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        """Unsubscribe; again it changes nothing."""
        await take_mail_unsubscribe(self._db, self._vault, self._clock, target.address)
        return None
