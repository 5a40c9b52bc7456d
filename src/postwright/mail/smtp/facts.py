"""What is agreed on before a session, and known after it."""

import re
import time

import msgspec

from .replies import Answer

MAX_TURNS = 200  # what is kept of one message's dialogue
MAX_TURN = 512  # octets of a command or reply that are kept (RFC 5321 §4.5.3.1.4)
MAX_RECIPIENTS = 1000
Capabilities = dict[str, str]  # keyword in upper case: its parameters
Turn = tuple[int, str, str]  # milliseconds since the dialogue began, "C" or "S", what was said


_RCPTMAX = re.compile(r"\bRCPTMAX=(\d{1,6})")


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds to wait at each step (delivery-engineering.md 2.6, column "ours"; RFC 5321 §4.5.3.2)."""

    connect: float = 30.0
    greeting: float = 120.0
    ehlo: float = 120.0
    starttls: float = 30.0
    mail: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
    quit: float = 5.0
    # From MAIL to the final dot: each step may be in time and the whole never end. Twice the longest step, as
    # KumoMTA's watchdog counts (delivery-engineering.md 2.6).
    transaction: float = 1200.0


class TlsFacts(msgspec.Struct, frozen=True):
    """What was agreed on."""

    version: str
    cipher: str


class SendResult(msgspec.Struct, frozen=True):
    """What became of a message: for each recipient the reply that decided. Phases in seconds."""

    recipients: list[Answer]
    envelope_seconds: float  # MAIL to the reply to DATA
    data_seconds: float  # the message itself
    dot_seconds: float = 0.0  # from the final dot to its reply


class Opening(msgspec.Struct):
    """How long it took to get ready for the first message, in seconds."""

    connect: float = 0.0
    greeting: float = 0.0
    ehlo: float = 0.0
    tls: float = 0.0


class Dialogue:
    """Who said what and when; the message itself is only counted. Costs an appended tuple for each turn."""

    __slots__ = ("_began", "_turns")

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._turns: list[tuple[float, str, bytes]] = []

    def add(self, who: str, said: bytes) -> None:
        """Note a command ("C") or the lines of a reply ("S")."""
        if len(self._turns) < MAX_TURNS:
            self._turns.append((time.monotonic(), who, said))

    def take(self) -> list[Turn]:
        """What was said since the last time."""
        turns, began = self._turns, self._began
        self._turns, self._began = [], time.monotonic()
        return [(int(1000 * (at - began)), who, _text(said)) for at, who, said in turns]


def _text(said: bytes) -> str:
    return str(said[:MAX_TURN] if len(said) > MAX_TURN else said, "utf-8", "replace").rstrip()


def recipient_limit(capabilities: Capabilities) -> int:
    """How many recipients a transaction may have (RFC 9422: LIMITS RCPTMAX); 1000 when the server does not say."""
    found = _RCPTMAX.search(capabilities.get("LIMITS", ""))
    return max(1, min(int(found[1]), MAX_RECIPIENTS)) if found else MAX_RECIPIENTS
