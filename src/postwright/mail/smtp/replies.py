"""Replies: the ones we give and the ones we get (RFC 5321 §4.2, RFC 2034, RFC 3463)."""

import re

import msgspec

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
MAX_TEXT = 2000  # characters of a reply that are kept


class Reply(msgspec.Struct, frozen=True):
    """A reply of ours. A text of several lines becomes a reply of several lines."""

    code: int
    enhanced: str
    text: str

    def wire(self) -> bytes:
        """The bytes to send; never more lines than the text has."""
        start = f"{self.enhanced} " if self.enhanced else ""
        lines = [line for line in self.text.replace("\r", "\n").split("\n") if line] or [""]
        last = len(lines) - 1
        return "".join(
            f"{self.code}{' ' if at == last else '-'}{start}{line[:480]}\r\n" for at, line in enumerate(lines)
        ).encode("utf-8", "replace")


class Answer(msgspec.Struct, frozen=True):
    """A reply that we got, and the command it answers ("DATA" also stands for the message itself)."""

    code: int
    enhanced: str
    text: str
    command: str

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return 200 <= self.code < 300


def parse_reply(lines: list[bytes], command: str) -> Answer:
    """An `Answer` from the lines of one reply (without line ends). Raises ValueError when it is none."""
    code = int(lines[-1][:3])
    if not 200 <= code <= 599:
        raise ValueError(f"{code} is no reply code")
    enhanced = ""
    texts = []
    for line in lines:
        text = line[4:].decode("utf-8", "replace").strip()
        # Servers repeat the enhanced code on each line (RFC 2034 §3); people need it once.
        found = _ENHANCED.match(text) if code // 100 in (2, 4, 5) else None
        if found:
            enhanced = enhanced or found[1]
            text = text[found.end() :]
        texts.append(text)
    return Answer(code, enhanced, " ".join(filter(None, texts))[:MAX_TEXT], command)


OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Ok")
START_MESSAGE = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
BYE = Reply(221, "2.0.0", "Bye")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
AUTHENTICATED = Reply(235, "2.7.0", "Authentication succeeded")
CANNOT_VERIFY = Reply(252, "2.5.0", "Cannot verify, send and see")
SYNTAX = Reply(501, "5.5.4", "Syntax error in parameters")
UNKNOWN = Reply(500, "5.5.2", "Command not recognised")
BAD_LINE = Reply(500, "5.5.2", "Lines end with CRLF and have at most 2048 octets")
NOT_UTF8 = Reply(501, "5.5.2", "Commands are ASCII, or UTF-8 after SMTPUTF8")
BAD_SEQUENCE = Reply(503, "5.5.1", "Bad sequence of commands")
NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
AUTH_FIRST = Reply(530, "5.7.0", "Authentication required")
TLS_FIRST = Reply(538, "5.7.11", "Encryption required for authentication, use STARTTLS")
AUTH_FAILED = Reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
NO_MECHANISM = Reply(504, "5.5.4", "Mechanisms are PLAIN and LOGIN")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
TOO_LARGE = Reply(552, "5.3.4", "Message is too large")
BARE_NEWLINE = Reply(550, "5.6.11", "Lines must end with CRLF; a lone CR or LF is not allowed")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TOO_MANY_LOGINS = Reply(421, "4.7.0", "Too many failed logins, try again later")
TOO_MANY_MESSAGES = Reply(421, "4.7.0", "Too many messages in one connection, please open another")
TOO_MANY_CONNECTIONS = Reply(421, "4.3.2", "Too many connections, try again soon")
MADE_ROOM = Reply(421, "4.4.2", "Idle while others wait")
TIMED_OUT = Reply(421, "4.4.2", "Timed out waiting for you")
SHUTTING_DOWN = Reply(421, "4.3.2", "Going down, try again soon")
INTERNAL = Reply(451, "4.3.0", "Something went wrong here, please try again")
OUT_OF_TURN = Reply(554, "5.5.0", "Commands sent before the reply they depend on")
EARLY_TALKER = Reply(554, "5.5.1", "You must wait for the greeting")
