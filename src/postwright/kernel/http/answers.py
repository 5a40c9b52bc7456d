"""What an operation gives back, and how it becomes bytes."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

Headers = Mapping[str, str]

JSON = "application/json"  # exactly: the php client compares, others look at the start (behaviour.md 18.3)
_LINE_ENDS = str.maketrans("\r\n\0", "   ")  # a header value must never start a new header
_encode = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, Generic[T], frozen=True):
    """A value for JSON with a status or headers of its own."""

    value: T
    status: int = 200
    headers: Headers = {}


class Raw(msgspec.Struct, frozen=True):
    """Finished bytes: text, a file, or JSON made elsewhere."""

    data: bytes = b""
    media_type: str = JSON
    status: int = 200
    headers: Headers = {}


class Halt(Exception):
    """End the request with this very answer. For doors whose refusals are not JSON; rules raise `Refused`."""

    def __init__(self, reply: Raw) -> None:
        self.reply = reply
        super().__init__(reply.status)


class Answer:
    """An ASGI application that says one thing."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, media_type: str, headers: Headers) -> None:
        self.status = status
        self.headers = [
            (name.lower().encode("latin-1"), header_value(value)) for name, value in headers.items()
        ]
        self.body = body
        if status == 204:
            self.body = b""  # RFC 9110 15.3.5: no content, and no header about it
        else:
            self.headers.append((b"content-length", b"%d" % len(body)))
            self.headers.append((b"content-type", media_type.encode("latin-1")))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def header_value(value: str) -> bytes:
    """A header's value on the wire, always one line."""
    return value.translate(_LINE_ENDS).encode("latin-1", "replace")


def answer(result: object, status: int = 200) -> Answer:
    """The answer for what a handler returned; `status` is the operation's."""
    if isinstance(result, Raw):
        return Answer(result.status, result.data, result.media_type, result.headers)
    if isinstance(result, Reply):
        return Answer(result.status, _encode(result.value), JSON, result.headers)
    return Answer(status, _encode(result), JSON, {})
