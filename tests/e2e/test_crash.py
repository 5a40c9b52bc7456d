"""Whatever dies, what was acknowledged arrives."""

import asyncio
import contextlib
import email
from typing import Any

import aiohttp
import pytest

from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api


async def subjects(sink: Sink) -> list[str]:
    return sorted(email.message_from_bytes(m.data)["Subject"] for m in sink.messages)


async def test_killed_between_the_answer_and_delivery(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    """No delivery process runs while the messages come in; then everything is killed."""
    server = await start_server(**settings, roles="http")
    api = Api(server, http)
    await asyncio.gather(*(api.send(subject=f"s{n:03}") for n in range(60)))
    await server.kill()
    assert not sink.messages
    server.settings["roles"] = "http,smtp,delivery,projector"
    await server.start()
    await sink.wait(60, 90)
    assert await subjects(sink) == [f"s{n:03}" for n in range(60)]


async def test_killed_while_delivering(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    """SIGKILL in the middle, three times: everything arrives; only what was in flight may come twice."""
    server = await start_server(**settings)
    api = Api(server, http)
    await asyncio.gather(*(api.send(subject=f"s{n:03}") for n in range(150)))
    for wanted in (20, 50, 80):
        await sink.wait(wanted, 90)
        await server.restart()
    await _all_arrive(sink, 150)


async def _all_arrive(sink: Sink, count: int) -> None:
    wanted = {f"s{n:03}" for n in range(count)}
    for _ in range(2400):
        seen = await subjects(sink)
        if set(seen) == wanted:
            break
        await asyncio.sleep(0.05)
    assert set(seen) == wanted
    # Twenty connections, three kills: at most that many were between the final dot and its record.
    assert len(seen) - len(set(seen)) <= 60


@pytest.mark.parametrize(("point", "arrives"), [("accept.before", False), ("accept.committed", True)])
async def test_killed_around_the_commit(
    start_server: Any,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    point: str,
    arrives: bool,
) -> None:
    """Killed before the commit: no answer, no trace. Killed after it: no answer, and yet it arrives."""
    api = Api(await start_server(**settings, failpoints=f"{point}=kill@2"), http)
    await api.send(subject="first")
    with contextlib.suppress(aiohttp.ClientError):
        await api.send(subject="second")
    await _up(api)
    await api.send(subject="third")
    wanted = ["first", "second", "third"] if arrives else ["first", "third"]
    await sink.wait(len(wanted), 20)
    assert await subjects(sink) == wanted


async def _up(api: Api) -> None:
    for _ in range(400):
        try:
            status, _body = await api.call("GET", "/postwright/health")
            if status == 200:
                return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.05)
    raise TimeoutError("the server did not come back")


async def test_a_lost_reply_to_the_final_dot_is_retried_with_the_same_bytes(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    sink.fail("bob", drop="after-dot", times=1)
    api = Api(await start_server(**settings), http)
    sent = await api.send()
    await api.wait_event("delivered", sent, timeout=20)
    first, second = await sink.wait(2, 5)
    assert first.data == second.data


async def test_sigterm_finishes_what_is_in_flight(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    server = await start_server(**settings)
    api = Api(server, http)
    await asyncio.gather(*(api.send(subject=f"s{n:03}") for n in range(100)))
    await sink.wait(10, 20)
    assert await server.terminate() == 0
    await server.start()
    await sink.wait(100, 90)
    assert await subjects(sink) == [f"s{n:03}" for n in range(100)]  # none twice


async def test_sigterm_with_a_message_half_way_waits_for_its_reply(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    sink.fail("bob", at="MESSAGE", delay=3, times=1)
    server = await start_server(**settings)
    api = Api(server, http)
    sent = await api.send()
    async with asyncio.timeout(30):
        while not sink.counts.data:  # noqa: ASYNC110  the sink has no event for it
            await asyncio.sleep(0.01)
    assert await server.terminate() == 0
    assert len(sink.messages) == 1
    await server.start()
    await api.wait_event("delivered", sent, timeout=30)
    await asyncio.sleep(2)  # the retry schedule has one second
    assert len(sink.messages) == 1


@pytest.mark.parametrize(
    ("point", "copies"), [("delivery.started", 1), ("delivery.sent", 2), ("delivery.recorded", 1)]
)
async def test_killed_around_an_attempt(
    start_server: Any,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    point: str,
    copies: int,
) -> None:
    """Scenarios 3 and 4: only where the server had it, and we died before we knew, it comes twice: the same bytes."""
    server = await start_server(**settings, failpoints=f"{point}=kill")
    api = Api(server, http)
    sent = await api.send()
    async with asyncio.timeout(60):
        while "process ended" not in server.log_tail():  # noqa: ASYNC110  a log has no event
            await asyncio.sleep(0.05)
    await server.kill()
    del server.settings["failpoints"]
    await server.start()
    await api.wait_event("delivered", sent, timeout=60)
    await asyncio.sleep(2)  # longer than a retry takes to come
    assert len(sink.messages) == copies
    assert len({message.data for message in sink.messages}) == 1
    assert len(await api.events(event="delivered")) == 1
    # The journal names the attempt that nobody knows the end of, whether it came that far or not.
    journal = await api.get(f"/postwright/v1/{DOMAIN}/messages/{sent}/attempts")
    outcomes = [item["outcome"] for item in journal["items"]]
    assert outcomes == (["delivered"] if point == "delivery.recorded" else ["ambiguous", "delivered"])
