"""What the journal keeps."""

from typing import Any, Final

import msgspec

DELAYED: Final = "delayed"


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One attempt, or one wait that was none. Times in microseconds, durations in seconds.

    `outcome`: delivered · temporary · permanent · ambiguous (the reply to the whole message was lost, or the
    process died before it noted one) · expired · suppressed · cancelled · delayed (no attempt: `cause` says what it
    waits for).
    """

    outcome: str
    number: int = 0  # of the attempt, from 1
    next_at: int = 0  # when it is tried again; 0: never, or nobody knows
    decision: str = ""  # what followed from it, in words
    cause: str = ""  # of a delay: throttled · suspended · held · …
    reason: str = ""  # as the event has it
    code: int = 0
    enhanced: str = ""
    text: str = ""
    command: str = ""  # that the reply answered
    description: str = ""
    mx_host: str = ""
    mx_ip: str = ""
    source_ip: str = ""
    ehlo: str = ""
    tls: bool | None = None
    verified: bool = False
    seconds: float = 0.0
    trace: Any = None  # delivery's own record of the way: timings, TLS facts, dialogue, hosts tried before


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Record).decode
