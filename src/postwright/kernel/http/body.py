"""Reading a request's body: bounded in bytes, in time and after decompression."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from postwright.kernel.errors import Refused

BODY_LIMIT = 26_214_400  # bytes after decompression: the 25 MB message limit (behaviour.md 1.5)
TRANSPORT_LIMIT = 54_945_382  # bytes on the wire: the 52.4 MiB the refusal names (behaviour.md 1.5)
BODY_SECONDS = 600.0  # for the whole body: 25 MiB in that time is a 44 KB/s line, slower ones are stalled
GZIP_MEMBERS = 1_000  # RFC 1952 2.2 allows many; block compressors make one each 64 KB, so 25 MiB needs 400


class TooLarge(Refused):
    """The body is longer than the message limit."""

    status = 413
    smtp = (552, "5.3.4")
    message = "request size exceeds 52.4MiB limit"

    def __init__(self, *, close: bool = False) -> None:
        super().__init__(limit="25MB")
        self.headers: Mapping[str, str] = {"connection": "close"} if close else {}


class TooSlow(Refused):
    """The body did not arrive in time."""

    status = 408
    message = "request body was not received in time"
    headers: ClassVar[Mapping[str, str]] = {"connection": "close"}


class Truncated(Refused):
    """The body ends before it is complete."""

    message = "unable to parse request: unexpected EOF"


class UnknownEncoding(Refused):
    """The body is compressed in a way we do not read."""

    status = 415
    message = "unsupported content encoding, gzip or none expected"


class BadGzip(Refused):
    """The body says gzip and is not."""

    message = "unable to parse request: invalid gzip data"


Receive = Callable[[], Awaitable[Any]]  # ASGI's


class _Inflate:
    """Decompress step by step, never further than the room the caller has left."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)  # 31: a gzip header is expected (zlib manual)
        self._members = 1

    def feed(self, chunk: bytes, room: int) -> bytes:
        """At most `room` bytes (one or more) out of `chunk`; the rest of it is forgotten then."""
        out = []
        while chunk and room > 0:
            if self._stream.eof:
                self._members += 1
                if self._members > GZIP_MEMBERS:
                    raise BadGzip
                self._stream = zlib.decompressobj(wbits=31)
            try:
                data = self._stream.decompress(chunk, room)
            except zlib.error as wrong:
                raise BadGzip from wrong
            out.append(data)
            room -= len(data)
            chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return b"".join(out)

    def finished(self) -> bool:
        """Whether the compressed stream came to its own end."""
        return self._stream.eof


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The whole body, decompressed. `headers` have lower-case names.

    A body over the limit is not kept, but is still read (up to the transport limit), so that a client that
    is busy sending gets to see the answer instead of a broken connection.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > TRANSPORT_LIMIT:
        raise TooLarge(close=True)
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding not in (b"", b"identity", b"gzip", b"x-gzip"):
        raise UnknownEncoding
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(receive, _Inflate() if encoding.endswith(b"gzip") else None)
    except TimeoutError as late:
        raise TooSlow from late


async def _read(receive: Receive, inflate: _Inflate | None) -> bytes:
    chunks: list[bytes] = []
    size = received = 0
    more = True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            raise Truncated
        more = event.get("more_body", False)
        chunk: bytes = event.get("body", b"")
        received += len(chunk)
        if received > TRANSPORT_LIMIT:
            raise TooLarge(close=True)
        if size > BODY_LIMIT:
            continue
        if inflate:
            chunk = inflate.feed(chunk, BODY_LIMIT + 1 - size)
        size += len(chunk)
        chunks.append(chunk)
        if size > BODY_LIMIT:
            chunks.clear()
    if size > BODY_LIMIT:
        raise TooLarge
    if inflate and received and not inflate.finished():
        raise Truncated
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
