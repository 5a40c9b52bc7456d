"""The MX door's policy: who may say what to it."""

import asyncio
import logging
import ssl

import msgspec

from postwright.arrivals import Head
from postwright.kernel.db import Db, Read, StoreUnavailable
from postwright.mail.mime import Parsed, parse
from postwright.mail.smtp import Decision, Envelope, Policy, Reply, Session

from . import structure
from .assess import Assessor
from .directory import Directory, Found, Refusal
from .judging import without_forged
from .limits import PeerLimits
from .receive import Peer, Receiver

log = logging.getLogger("postwright.inbound")

MAX_SIZE = 25 * 1024 * 1024
MAX_RECIPIENTS = 100  # delivery-engineering.md section 9; the rest comes in another transaction
PARSE_INLINE = 256 * 1024  # octets; parsing more takes long enough to be given to a thread
MAX_MESSAGES = 100  # of one connection
MAX_UNKNOWN = 5  # recipients that nobody knows, of one connection
EARLY_TALKER_SECONDS = 0.5  # that a client must wait for the greeting, which a spammer in a hurry does not
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections from your network, try again later")
TOO_MANY_MESSAGES = Reply(421, "4.7.0", "Too many messages from your network, try again later")
TOO_MANY_UNKNOWN = Reply(421, "4.7.0", "Too many unknown recipients")
ONE_FOR_BOUNCES = Reply(452, "4.5.3", "A message without sender goes to one recipient at a time")
OTHER_RULES = Reply(452, "4.5.3", "This domain judges mail by other rules, please send to it separately")
STORAGE = Reply(451, "4.3.0", "The message store is not available right now, please try again")


class State(msgspec.Struct):
    """What the door remembers of a connection, and of the transaction under way."""

    sender: str = ""
    found: list[Found] = []
    unknown: int = 0


class MxPolicy(Policy):
    """Takes mail for our domains from anybody, and from who logs in what submission would take."""

    def __init__(
        self,
        *,
        db: Db,
        receiver: Receiver,
        directory: Directory,
        assessor: Assessor,
        submission: Policy,
        hostname: str,
        tls: ssl.SSLContext,
        limits: PeerLimits | None,
        early_talker_seconds: float = EARLY_TALKER_SECONDS,
    ) -> None:
        super().__init__(
            hostname=hostname,
            max_size=MAX_SIZE,
            max_recipients=MAX_RECIPIENTS,
            tls=tls,
            auth_offered=True,
            auth_without_tls=submission.auth_without_tls,
            logins=submission.logins,
            max_messages=MAX_MESSAGES,
            strict_dialogue=True,
            early_talker_seconds=early_talker_seconds,
        )
        self._db = db
        self._receiver = receiver
        self._directory = directory
        self._assessor = assessor
        self._submission = submission
        self.limits = limits

    async def connect(self, session: Session) -> Decision:
        """Begin a connection."""
        sessions = (connection.session for connection in self.connections)
        others = (other.peer for other in sessions if other.state is not None)
        if self.limits is not None and not self.limits.connect(session.peer, others):
            return TOO_MANY_CONNECTIONS
        session.state = State()
        return None

    async def authenticate(self, session: Session, login: str, password: str) -> bool | Reply:
        """Port 25 takes submissions too (behaviour.md 3.2)."""
        return await self._submission.authenticate(session, login, password)

    async def mail_from(self, session: Session, address: str, params: dict[str, str]) -> Decision:
        """Begin a message."""
        session.state.sender, session.state.found = address, []
        if session.login is not None:
            return await self._submission.mail_from(session, address, params)
        if self.limits is not None and not self.limits.message(session.peer):
            return TOO_MANY_MESSAGES
        return None

    async def rcpt_to(self, session: Session, address: str, params: dict[str, str]) -> Decision:
        """Take only recipients that somebody here takes mail for."""
        if session.login is not None:
            return await self._submission.rcpt_to(session, address, params)
        state: State = session.state
        if not state.sender and state.found:
            return ONE_FOR_BOUNCES
        try:
            found = await self._db.read(self._directory.find, address)
        except Refusal as refusal:
            state.unknown += 1
            return refusal.reply if state.unknown < MAX_UNKNOWN else TOO_MANY_UNKNOWN
        if state.found and found.domain.spam_action != state.found[0].domain.spam_action:
            return OTHER_RULES
        state.found.append(found)
        return None

    async def message(self, session: Session, envelope: Envelope) -> Reply:
        """Take the message; 250 once it is durable."""
        if session.login is not None:
            taken = await self._submission.message(session, envelope)
            assert isinstance(taken, Reply)
            return taken
        if self.limits is not None:
            self.limits.received(session.peer, len(envelope.data))
        refusal = structure.before_parsing(envelope.data)
        if refusal is not None:
            return refusal
        parsed = await _parsed(envelope.data)
        refusal = structure.after_parsing(parsed)
        if refusal is not None:
            return refusal
        peer = Peer(
            address=session.peer,
            helo=session.helo,
            tls=session.tls,
            sender=envelope.sender,
            smtputf8=envelope.smtputf8,
        )
        try:
            found = await self._db.read(self._take, envelope.recipients, parsed.headers)
            findings = await self._assessor.assess(peer, found, envelope.data)
            raw = without_forged(envelope.data, self.hostname)
            queue_id = await self._receiver.receive(peer, found, raw, parsed, findings)
        except Refusal as refused:
            return refused.reply
        except (StoreUnavailable, OSError):
            log.exception("a message could not be stored")
            return STORAGE
        return Reply(250, "2.0.0", f"Ok: queued as {queue_id}")

    async def drain(self) -> None:
        """Let messages that are being received finish, then close everything."""
        await super().drain()
        await self._assessor.close()

    def _take(self, tx: Read, recipients: tuple[str, ...], head: Head) -> list[Found]:
        """Those recipients for whom somebody takes this message. Raises Refusal when there are none.

        Asked again because headers may decide, and because a domain may have gone since RCPT.
        """
        found: dict[str, Found] = {}
        refused: list[Refusal] = []
        for address in recipients:
            try:
                each = self._directory.find(tx, address, head)
                found.setdefault(each.target.address, each)
            except Refusal as refusal:
                refused.append(refusal)
        if not found:
            raise refused[0]
        return list(found.values())


async def _parsed(raw: bytes) -> Parsed:
    return parse(raw) if len(raw) <= PARSE_INLINE else await asyncio.to_thread(parse, raw)
