"""The SMTP door of the capture inbox."""

from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.errors import Refused
from postwright.mail.headers import decode
from postwright.mail.mime import parse_head
from postwright.mail.smtp import Decision, Envelope, Policy, Reply, Session

from . import service
from .scripts import REFUSALS

TRIM_EVERY = 1000  # messages


class CapturePolicy(Policy):
    """Takes every message that its recipients take, and keeps it.

    Only listens on loopback, where only delivery knows its port.
    """

    def __init__(self, db: Db, clock: Clock, hostname: str) -> None:
        super().__init__(hostname=hostname)
        self._db = db
        self._clock = clock
        self._kept = 0

    async def mail_from(self, session: Session, address: str, params: dict[str, str]) -> Decision:
        """Whose scripts count."""
        session.state = address
        return None

    async def rcpt_to(self, session: Session, address: str, params: dict[str, str]) -> Decision:
        """Refuse where the recipient's script says so."""
        sender = session.state or ""
        does = await self._db.read(service.script_of, sender, address)
        if does.do not in REFUSALS:
            return None
        if does.do == "greylist" and not await self._db.write(
            service.greylists, self._clock.now(), sender, address, does.times
        ):
            return None
        return does.reply()

    async def message(self, session: Session, envelope: Envelope) -> Reply:
        """Store the message; 250 once it is durable."""
        head = {name.lower(): decode(value) for name, value in reversed(parse_head(envelope.data))}
        try:
            if self._kept % TRIM_EVERY == 0:
                await self._db.write(service.trim, self._clock.now())
            self._kept += 1
            await self._db.write(
                service.keep,
                self._clock.now(),
                envelope.sender,
                list(envelope.recipients),
                head,
                envelope.data,
            )
        except Refused as refused:
            code, enhanced = refused.smtp
            return Reply(code, enhanced, refused.text)
        return Reply(250, "2.0.0", "Captured")
