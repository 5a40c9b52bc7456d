"""The application behind the real server: what only shows with sockets."""

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from postwright.kernel.http import server as server_module
from postwright.kernel.http.server import BoundedProtocol

from .sample import sample_app

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            sample_app(), http=BoundedProtocol, log_config=None, lifespan="on", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


async def read_reply(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split(" ")[1]), headers, body


def request(headers: str, body: bytes = b"", target: str = "POST /v3/d.example/messages") -> bytes:
    return f"{target} HTTP/1.1\r\nHost: h\r\nAuthorization: ok\r\n{headers}\r\n".encode() + body


FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


def whole(body: bytes, headers: str = FORM) -> bytes:
    return request(f"{headers}Content-Length: {len(body)}\r\n", body)


async def talk(port: int, data: bytes) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    reply = await read_reply(reader)
    writer.close()
    await writer.wait_closed()
    return reply


async def test_pipelined_requests_on_one_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    broken = whole(b"nothing", "Content-Type: multipart/form-data; boundary=b\r\n")
    writer.write(whole(b"from=a&to=1") + broken + request("", target="GET /nothing") + whole(b"from=a&to=2"))
    replies = [await read_reply(reader) for _ in range(4)]
    assert [status for status, _, _ in replies] == [200, 400, 404, 200]
    assert replies[1][2] == b'{"message":"malformed multipart/form-data request"}'
    assert b'"to":["2"]' in replies[3][2]
    writer.close()
    await writer.wait_closed()


async def test_a_chunked_body_over_the_limit_gets_its_answer_and_the_connection_lives(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(FORM + "Transfer-Encoding: chunked\r\n"))
    chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
    async with asyncio.timeout(30):
        for _ in range(30):
            writer.write(chunk)
            await writer.drain()
    writer.write(b"0\r\n\r\n")
    status, headers, body = await read_reply(reader)
    assert (status, body) == (413, b'{"message":"request size exceeds 52.4MiB limit","limit":"25MB"}')
    assert "connection" not in headers
    writer.write(whole(b"from=a&to=1"))
    assert (await read_reply(reader))[0] == 200
    writer.close()
    await writer.wait_closed()


async def test_a_declared_length_over_the_transport_limit_is_refused_at_once(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(f"{FORM}Content-Length: 60000000\r\n", b"first bytes"))
    status, headers, _ = await read_reply(reader)
    assert (status, headers["connection"]) == (413, "close")
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_gzip(port: int) -> None:
    headers = FORM + "Content-Encoding: gzip\r\n"
    status, _, body = await talk(port, whole(gzip.compress(b"from=a&to=1"), headers))
    assert (status, b'"to":["1"]' in body) == (200, True)
    bomb = gzip.compress(bytes(100_000_000), compresslevel=1)
    assert (await talk(port, whole(bomb, headers)))[0] == 413
    assert (await talk(port, whole(b"no gzip", headers)))[0] == 400


async def test_the_guard_answers_before_the_body_is_sent(port: int) -> None:
    head = request(FORM + "Content-Length: 1000\r\nExpect: 100-continue\r\n").replace(b"ok", b"no")
    status, headers, body = await talk(port, head)
    assert (status, body) == (401, b"Forbidden")
    assert headers["www-authenticate"] == 'Basic realm="MG API"'


async def test_a_client_that_waits_for_100_continue_is_told_to_go_on(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(FORM + "Content-Length: 11\r\nExpect: 100-continue\r\n"))
    async with asyncio.timeout(10):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"from=a&to=1")
    assert (await read_reply(reader))[0] == 200
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_hangs_up_harms_nobody(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(FORM + "Content-Length: 1000\r\n", b"from=a"))
    writer.close()
    await writer.wait_closed()
    assert (await talk(port, whole(b"from=a&to=1")))[0] == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"GET /v3/\xff/raw", {400, 404}),
        (b"GET /v3/%ff/raw", {404}),
        (b"GET /v3/d/bounces?limit=%ff", {400}),
        (b"GET /v3/d/bounces?term=\xff", {400}),
        (b"GET //v3//d.example/tags/a%2Fb/", {200}),
        (b"HEAD /v3/d.example/raw", {203}),
        (b"GET http://other/v3/d.example/tags/x", {200}),
        (b"GET *", {400, 404}),
    ],
)
async def test_odd_targets(port: int, target: bytes, status: set[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(target + b" HTTP/1.1\r\nHost: h\r\nAuthorization: ok\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    assert int(answer.split(b" ")[1]) in status
    if target.startswith(b"HEAD"):
        assert answer.endswith(b"\r\n\r\n")
    writer.close()


async def test_an_endless_header_is_cut_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    sent = 0
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            while sent < 5_000_000 and not reader.at_eof():
                writer.write(b"x" * 10_000)
                await writer.drain()
                sent += 10_000
                await asyncio.sleep(0)
    assert sent < 5_000_000
    writer.close()


async def test_a_stalled_head_is_closed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.05)
    for start in (b"", b"GET / HTTP/1.1\r\nX: y", whole(b"from=a&to=1") + b"POST"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(start)
        async with asyncio.timeout(10):
            while await reader.read(10_000):
                pass
        writer.close()


async def test_a_slow_body_is_not_a_slow_head(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(FORM + "Content-Length: 11\r\n", b"from=a"))
    await asyncio.sleep(0.2)
    writer.write(b"&to=1")
    assert (await read_reply(reader))[0] == 200
    writer.close()
    await writer.wait_closed()
