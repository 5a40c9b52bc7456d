"""Reading bodies within their bounds."""

import asyncio
import gzip
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import pytest

from postwright.kernel.errors import Refused
from postwright.kernel.http import body as body_module
from postwright.kernel.http.body import BODY_LIMIT, TRANSPORT_LIMIT, read_body

GZIP = {b"content-encoding": b"gzip"}


class Stream:
    """ASGI's receive over chunks; counts what was taken."""

    def __init__(self, chunks: Iterable[bytes], *, breaks: bool = False) -> None:
        self.chunks = chain(chunks, [None])
        self.breaks = breaks
        self.taken = 0

    async def __call__(self) -> Any:
        chunk = next(self.chunks)
        if chunk is None:
            return {"type": "http.disconnect"} if self.breaks else {"type": "http.request"}
        self.taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}


async def refused(stream: Stream, headers: dict[bytes, bytes]) -> Refused:
    with pytest.raises(Refused) as problem:
        await read_body(headers, stream)
    return problem.value


async def test_chunks_are_joined() -> None:
    assert await read_body({}, Stream([b"a", b"", b"b"])) == b"ab"
    assert await read_body({}, Stream([])) == b""


async def test_the_limit_itself_is_allowed_and_one_more_is_not() -> None:
    chunk = bytes(BODY_LIMIT // 4)
    assert len(await read_body({}, Stream([chunk] * 4))) == BODY_LIMIT
    stream = Stream([chunk] * 4 + [b"x", b"rest"])
    problem = await refused(stream, {})
    assert problem.status == 413
    assert problem.body() == {"message": "request size exceeds 52.4MiB limit", "limit": "25MB"}
    assert stream.taken == BODY_LIMIT + 5  # all of it was read


async def test_what_is_over_the_limit_is_not_kept() -> None:
    chunk = bytes(BODY_LIMIT)
    held: list[int] = []

    def chunks() -> Iterator[bytes]:
        yield chunk
        held.append(sys.getrefcount(chunk))
        yield b"x"
        held.append(sys.getrefcount(chunk))
        yield b"x"

    before = sys.getrefcount(chunk)
    await refused(Stream(chunks()), {})
    assert (held[0] > before, held[1]) == (True, before)


async def test_reading_ends_at_the_transport_limit() -> None:
    chunk = bytes(1_000_000)
    stream = Stream(chunk for _ in range(100))
    problem = await refused(stream, {})
    assert problem.status == 413
    assert getattr(problem, "headers") == {"connection": "close"}  # noqa: B009
    assert TRANSPORT_LIMIT < stream.taken <= TRANSPORT_LIMIT + len(chunk)


async def test_a_declared_length_over_the_transport_limit_is_refused_unread() -> None:
    stream = Stream([b"x"])
    problem = await refused(stream, {b"content-length": b"%d" % (TRANSPORT_LIMIT + 1)})
    assert (problem.status, stream.taken) == (413, 0)
    assert (await refused(Stream([]), {b"content-length": b"9" * 5_000})).status == 413


async def test_gzip_in_small_chunks_and_several_members() -> None:
    data = gzip.compress(b"hello ", mtime=0) + gzip.compress(b"world")
    assert await read_body(GZIP, Stream(data[i : i + 1] for i in range(len(data)))) == b"hello world"
    assert await read_body(GZIP, Stream([data])) == b"hello world"


async def test_a_gzip_bomb_stops_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    feed = body_module._Inflate.feed

    def watched(self: body_module._Inflate, chunk: bytes, room: int) -> bytes:
        data = feed(self, chunk, room)
        kept.append(len(data))
        return data

    monkeypatch.setattr(body_module._Inflate, "feed", watched)
    bomb = gzip.compress(bytes(400_000_000), compresslevel=1)
    stream = Stream(bomb[i : i + 65_536] for i in range(0, len(bomb), 65_536))
    problem = await refused(stream, GZIP)
    assert problem.status == 413
    assert sum(kept) == BODY_LIMIT + 1
    assert stream.taken == len(bomb)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"no gzip", "unable to parse request: invalid gzip data"),
        (gzip.compress(b"x", mtime=0)[:-3], "unable to parse request: unexpected EOF"),
        (gzip.compress(b"x", mtime=0) + b"garbage", "unable to parse request: invalid gzip data"),
        (gzip.compress(b"", mtime=0) * 1_001, "unable to parse request: invalid gzip data"),
    ],
)
async def test_bad_gzip(data: bytes, text: str) -> None:
    problem = await refused(Stream([data]), GZIP)
    assert (problem.status, problem.text) == (400, text)


async def test_other_encodings_are_refused() -> None:
    assert (await refused(Stream([b"x"]), {b"content-encoding": b"br"})).status == 415


async def test_a_client_that_leaves() -> None:
    assert (await refused(Stream([b"x"], breaks=True), {})).text == "unable to parse request: unexpected EOF"


async def test_a_client_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_SECONDS", 0.01)

    async def never() -> Any:
        await asyncio.Event().wait()

    with pytest.raises(Refused) as problem:
        await read_body({}, never)
    assert problem.value.status == 408
