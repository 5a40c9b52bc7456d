"""What an operation gives back, and how it becomes bytes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, TypeVar, overload

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


class Stream(msgspec.Struct, frozen=True):
    """Bytes that come by and by. The iterator is closed when it ends, or the reader is gone."""

    chunks: AsyncIterator[bytes]
    media_type: str
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


class StreamAnswer:
    """An ASGI application that says one thing after the other, for as long as somebody listens."""

    __slots__ = ("chunks", "headers", "status")

    def __init__(self, status: int, stream: Stream) -> None:
        self.status = status
        self.chunks = stream.chunks
        self.headers = [
            (name.lower().encode("latin-1"), header_value(value)) for name, value in stream.headers.items()
        ]
        self.headers.append((b"content-type", stream.media_type.encode("latin-1")))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send what there is until it ends."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Any) -> None:
        async for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Any) -> None:
    """Return when the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def header_value(value: str) -> bytes:
    """A header's value on the wire, always one line."""
    return value.translate(_LINE_ENDS).encode("latin-1", "replace")


@overload
def answer(result: Raw, status: int = 200) -> Answer: ...
@overload
def answer(result: object, status: int = 200) -> Answer | StreamAnswer: ...
def answer(result: object, status: int = 200) -> Answer | StreamAnswer:
    """The answer for what a handler returned; `status` is the operation's."""
    if isinstance(result, Raw):
        return Answer(result.status, result.data, result.media_type, result.headers)
    if isinstance(result, Reply):
        return Answer(result.status, _encode(result.value), JSON, result.headers)
    if isinstance(result, Stream):
        return StreamAnswer(status, result)
    return Answer(status, _encode(result), JSON, {})
