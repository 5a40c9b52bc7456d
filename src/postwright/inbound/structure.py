"""Bounds of what a message may be (delivery-engineering.md section 9)."""

from postwright.mail import headers
from postwright.mail.mime import Parsed
from postwright.mail.smtp import Reply

MAX_HEAD = 256 * 1024  # octets
MAX_LINE = 2000  # octets; RFC 5322 §2.1.1 allows 998, and many senders do not count
MAX_HOPS = 50  # Received fields (RFC 5321 §6.3 on loops)

LOOP = Reply(550, "5.4.6", "Too many hops, the message goes round in circles")
HEAD_TOO_LARGE = Reply(552, "5.3.4", f"The header is larger than {MAX_HEAD // 1024} KB")
TOO_COMPLEX = Reply(552, "5.6.0", "The message has too many parts, or nests them too deep")
LINE_TOO_LONG = Reply(550, "5.6.0", f"A line is longer than {MAX_LINE} octets")


def before_parsing(raw: bytes) -> Reply | None:
    """Why the octets of a message are refused, or None."""
    if headers.split(raw) > MAX_HEAD:
        return HEAD_TOO_LARGE
    if sum(name == "received" for name, _, _ in headers.spans(raw)) > MAX_HOPS:
        return LOOP
    return LINE_TOO_LONG if has_long_line(raw) else None


def after_parsing(parsed: Parsed) -> Reply | None:
    """Why a message is refused for what it consists of, or None."""
    return TOO_COMPLEX if parsed.truncated else None


def has_long_line(raw: bytes) -> bool:
    """Whether a line is longer than MAX_LINE (its line break not counted). Looks at few octets of short lines."""
    position = 0
    while position + MAX_LINE + 2 < len(raw):
        end = raw.rfind(b"\n", position, position + MAX_LINE + 2)
        if end < 0:
            return True
        position = end + 1
    return False
