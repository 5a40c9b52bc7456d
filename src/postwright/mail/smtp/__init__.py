"""SMTP, both sides (RFC 5321), as asyncio protocols.

`SmtpServer` serves one connection; what it accepts is decided by a `Policy`. `SmtpClient` sends over one
connection. Only CRLF.CRLF ends a message on either side, and neither lets a lone CR or LF through unchanged:
what two servers read differently is how mail is smuggled.
"""

from .client import SmtpClient
from .errors import ConnectError, Disconnected, SmtpError
from .facts import Capabilities, Dialogue, Opening, SendResult, Timeouts, TlsFacts, Turn, recipient_limit
from .logins import Logins
from .policy import DROP, Decision, Envelope, Policy, Session
from .replies import Answer, Reply, parse_reply
from .server import SmtpServer

__all__ = [
    "DROP",
    "Answer",
    "Capabilities",
    "ConnectError",
    "Decision",
    "Dialogue",
    "Disconnected",
    "Envelope",
    "Logins",
    "Opening",
    "Policy",
    "Reply",
    "SendResult",
    "Session",
    "SmtpClient",
    "SmtpError",
    "SmtpServer",
    "Timeouts",
    "TlsFacts",
    "Turn",
    "parse_reply",
    "recipient_limit",
]
