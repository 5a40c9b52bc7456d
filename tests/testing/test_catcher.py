"""The webhook receiver."""

import asyncio
import io
import time

import aiohttp
import pytest

from postwright.testing.catcher import MAX_BODY, Answer, Catcher, Caught


async def _post(url: str, body: bytes | io.BytesIO = b"", **headers: str) -> int:
    async with aiohttp.ClientSession() as client, client.post(url, data=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def test_requests_are_kept_as_they_came(catcher: Catcher) -> None:
    body = b'{"name": "\xc3\xa9"}'
    assert await _post(catcher.url("/a%20b?x=1&x=2"), body, **{"X-Mark": "yes"}) == 200
    (caught,) = await catcher.wait(1)
    assert (caught.method, caught.path, caught.body) == ("POST", "/a%20b?x=1&x=2", body)
    assert caught.headers["x-mark"] == "yes" and caught.json == {"name": "é"}


async def test_a_sequence_is_followed_and_its_last_reply_repeats(catcher: Catcher) -> None:
    catcher.script = [500, Answer(406, b"no", {"X-Why": "tired"}), 200]
    assert [await _post(catcher.url()) for _ in range(4)] == [500, 406, 200, 200]
    catcher.script = [503, 200]
    assert await _post(catcher.url()) == 503


async def test_a_function_sees_the_request(catcher: Catcher) -> None:
    def by_path(request: Caught) -> int:
        return 404 if request.path == "/gone" else 204

    catcher.script = by_path
    assert [await _post(catcher.url(path)) for path in ("/gone", "/here")] == [404, 204]


async def test_waiting_ends_with_the_request_or_says_how_many_came(catcher: Catcher) -> None:
    waiting = asyncio.create_task(catcher.wait(2))
    await asyncio.gather(_post(catcher.url("/1")), _post(catcher.url("/2")))
    assert {caught.path for caught in await waiting} == {"/1", "/2"}
    with pytest.raises(TimeoutError, match=r"2 of 3 requests"):
        await catcher.wait(3, timeout=0.05)


async def test_slow_and_broken_answers(catcher: Catcher) -> None:
    catcher.script = Answer(delay=0.2)
    began = time.monotonic()
    assert await _post(catcher.url()) == 200 and time.monotonic() - began >= 0.2
    catcher.script = Answer(drop=True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await _post(catcher.url())
    assert len(catcher.caught) == 2


async def test_large_bodies_arrive_whole(catcher: Catcher) -> None:
    body = bytes(5 * 1024 * 1024)
    assert len(body) < MAX_BODY and await _post(catcher.url(), io.BytesIO(body)) == 200
    assert catcher.caught[0].body == body


async def test_it_can_go_away_and_come_back_on_its_port(catcher: Catcher) -> None:
    url = catcher.url()
    await catcher.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await _post(url)
    await catcher.start()
    assert await _post(url) == 200
