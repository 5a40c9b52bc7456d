"""What an attempt saw, for whoever keeps a journal of attempts."""

import msgspec

from postwright.mail.smtp import Turn


class Timings(msgspec.Struct):
    """Seconds of each phase; 0.0 for those that an open connection had behind it."""

    dns: float = 0.0
    connect: float = 0.0
    greeting: float = 0.0
    ehlo: float = 0.0
    tls: float = 0.0
    envelope: float = 0.0  # MAIL to the reply to DATA
    data: float = 0.0  # the message itself
    dot: float = 0.0  # from the final dot to its reply


class Try(msgspec.Struct):
    """A host that was tried before and did not do."""

    host: str
    address: str
    source: str  # our address; "" when the system chose it
    problem: str
    dialogue: list[Turn] = []


class Trace(msgspec.Struct):
    """Everything about the way of one attempt."""

    timings: Timings = msgspec.field(default_factory=Timings)
    reused: bool = False  # the connection was open already
    tls_version: str = ""
    tls_cipher: str = ""
    tls_policy: str = "none"  # none · opportunistic · require · sts · dane
    dialogue: list[Turn] = []  # with the host that the attempt ended at
    tried: list[Try] = []  # the hosts before it
