"""Scheduled mail, and requests that are made twice: kept whatever dies."""

import contextlib
import email
import time
from typing import Any

import aiohttp

from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api


async def subjects(sink: Sink) -> list[str]:
    return sorted(str(email.message_from_bytes(m.data)["Subject"]) for m in sink.messages)


async def test_schedules_outlive_sigkill_and_leave_in_time(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    api = Api(await start_server(**settings), http)
    at = int(time.time()) + 12
    await api.send(subject="kept", o__deliverytime=str(at))
    await api.send(subject="far", o__deliverytime=str(at + 86400))
    await api.server.kill()
    await api.server.start()
    started = time.time()
    queues = await api.get(f"/v3/domains/{DOMAIN}/sending_queues")
    assert queues["scheduled"]["is_disabled"] is False and queues["regular"]["is_disabled"] is False
    # How long a start takes is the machine's affair: "kept" may be on its way by now.
    assert 1 <= queues["scheduled"]["messages"] <= 2
    await sink.wait(1, 60)
    arrived = time.time()
    assert at <= arrived and await subjects(sink) == ["kept"]
    # Within 2 s of its time, or of the start when that was later, on a machine that has time.
    assert arrived < max(at, started) + 8
    status, body = await api.call("DELETE", f"/v3/{DOMAIN}/envelopes")
    assert (status, body) == (200, {"message": "done"})
    queues = await api.get(f"/v3/{DOMAIN}/sending_queues")
    assert queues["scheduled"]["messages"] == 0


async def test_a_request_made_again_after_a_crash_sends_once(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    """Killed between commit and reply: the client knows nothing and asks again with the same key."""
    api = Api(await start_server(**settings, failpoints="accept.committed=kill@1"), http)
    given = {"subject": "once", "h__X_Idempotency_Key": "order-17"}
    with contextlib.suppress(aiohttp.ClientError):
        await api.send(**given)
    assert not sink.messages or await subjects(sink) == ["once"]
    await api.server.kill()
    del api.server.settings["failpoints"]
    await api.server.start()
    ids = {await api.send(**given) for _ in range(3)}
    await api.send(subject="after")
    await sink.wait(2, 30)
    await api.wait_event("delivered", next(iter(ids)))
    assert len(ids) == 1 and await subjects(sink) == ["after", "once"]
    # It is an order to us, not a header for others.
    assert all(b"idempotency" not in message.data.lower() for message in sink.messages)
