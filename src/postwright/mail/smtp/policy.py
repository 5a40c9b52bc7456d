"""What a server accepts: limits as attributes, decisions as hooks."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .logins import Logins
from .replies import SENDER_OK, Reply

if TYPE_CHECKING:
    from .connection import Connection

DRAIN_SECONDS = 20.0


class Session(msgspec.Struct):
    """One connection, as hooks see it."""

    peer: str  # address
    helo: str = ""
    tls: bool = False
    cipher: str = ""  # as "version=TLS1.3, cipher=..."; "" without TLS
    login: Any = None  # whatever `authenticate` put here
    state: Any = None  # whatever the policy keeps about the connection


class Envelope(msgspec.Struct, frozen=True):
    """A message as received: CRLF line ends, dots unstuffed."""

    sender: str  # "" for a bounce
    recipients: tuple[str, ...]
    data: bytes
    smtputf8: bool = False


class _Drop(msgspec.Struct, frozen=True):
    """Close the connection without a word."""


DROP: Final = _Drop()
Decision = Reply | _Drop | None


class Policy:
    """Accepts everything. Subclasses say what they do not.

    A hook returns None to agree, a `Reply` to say something else, or `DROP` to hang up. One policy serves many
    connections at once.
    """

    def __init__(
        self,
        *,
        hostname: str,
        max_size: int = 25 * 1024 * 1024,
        max_recipients: int = 1000,
        tls: ssl.SSLContext | None = None,
        auth_required: bool = False,
        auth_offered: bool = False,
        auth_without_tls: bool = False,
        strict_newlines: bool = True,
        strict_dialogue: bool = False,
        pipelining: bool = True,
        idle_seconds: float = 300.0,
        early_talker_seconds: float = 0.0,
        max_connections: int = 2000,
        max_messages: int = 0,
        logins: Logins | None = None,
    ) -> None:
        self.hostname = hostname
        self.max_size = max_size
        self.max_recipients = max_recipients
        self.tls = tls
        self.auth_required = auth_required
        self.auth_offered = auth_offered or auth_required
        self.auth_without_tls = auth_without_tls
        self.strict_newlines = strict_newlines
        self.strict_dialogue = strict_dialogue  # hang up on who speaks out of turn, or no SMTP
        self.pipelining = pipelining
        self.idle_seconds = idle_seconds  # RFC 5321 §4.5.3.2.7: at least 5 minutes
        self.early_talker_seconds = early_talker_seconds
        self.max_connections = max_connections
        self.max_messages = max_messages  # of one connection; 0: any number
        self.logins = logins or Logins()  # one for all doors that know the same passwords
        self.connections: set[Connection] = set()
        self.draining = False
        # For who counts: told of every refusal and the command that got it, and of TLS that did not come about.
        self.on_refusal: Callable[[str, Reply], None] | None = None
        self.on_tls_failure: Callable[[], None] | None = None

    async def connect(self, session: Session) -> Decision:
        """Before the greeting."""
        return None

    async def authenticate(self, session: Session, login: str, password: str) -> bool | Reply:
        """Whether that is who they say; only called when AUTH is offered.

        A reply refuses who is right all the same, so that nobody counts it as a guess.
        """
        return False

    async def mail_from(self, session: Session, address: str, params: dict[str, str]) -> Decision:
        """A message from `address` ("" for a bounce) begins."""
        return None

    async def rcpt_to(self, session: Session, address: str, params: dict[str, str]) -> Decision:
        """It goes to `address`."""
        return None

    async def data(self, session: Session) -> Decision:
        """Its content is about to come."""
        return None

    async def message(self, session: Session, envelope: Envelope) -> Reply | _Drop:
        """The whole message is there. Positive only when it is durable: the sender forgets it then."""
        return SENDER_OK

    async def drain(self) -> None:
        """Let messages that are being received finish, then close all connections."""
        self.draining = True
        for connection in list(self.connections):
            connection.close_when_idle()
        deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
        while self.connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  no event in a set
            await asyncio.sleep(0.05)
        for connection in list(self.connections):
            connection.abort()
