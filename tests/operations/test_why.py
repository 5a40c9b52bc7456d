"""Why a message is where it is: each state as it really comes about."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from postwright import queue
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, beat, lease_node
from postwright.testing.sink import Sink
from tests.world import World, world

from .conftest import Rig, Rigs


async def why(api: World, message_id: str, **params: str) -> list[dict[str, Any]]:
    path = f"/postwright/v1/{{d}}/messages/{quote(message_id)}/why"
    items: list[dict[str, Any]] = (await api.ok("GET", path, params=params))["items"]
    return items


async def alive(api: World) -> None:
    """A delivery process says that it lives."""
    node = await api.db.write(lease_node, "delivery", api.clock.now())
    await api.db.write(beat, node, api.clock.now())


async def send(api: World, **fields: Any) -> str:
    given = {
        "from": "ann@one.example.com",
        "to": "bob@there.test",
        "subject": "Hi",
        "text": "Hello.",
    } | fields
    return str((await api.ok("POST", "/v3/{d}/messages", data=given))["id"]).strip("<>")


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """Nobody delivers here but the test itself."""
    async with world(db, tmp_path) as made:
        await alive(made)
        yield made


async def test_after_a_delivery_a_refusal_and_a_suppression(rig: Rig, mx: Sink) -> None:
    mx.fail("nobody", 550, "5.1.1 No such user", at="RCPT")
    await rig.api.ok("POST", "/v3/{d}/unsubscribes", data={"address": "off@there.test"})
    message_id = await rig.send(to=["bob@there.test", "nobody@there.test", "off@there.test"])
    await rig.outcomes(3)
    found = {item["recipient"]: item for item in await why(rig.api, message_id)}
    assert found["bob@there.test"]["state"] == "delivered"
    assert found["bob@there.test"]["last_host"] == "mx0.there.test"
    refused = found["nobody@there.test"]
    assert (refused["state"], refused["cause"]) == ("failed", "bounce")
    assert refused["last_reply"]["code"] == 550 and "No such user" in refused["text"]
    assert found["off@there.test"]["state"] == "suppressed"
    assert all(item["next_try"] is None and item["since"] for item in found.values())
    (one,) = await why(rig.api, message_id, recipient="Bob@there.test")
    assert one["recipient"] == "bob@there.test"


async def test_waiting_for_the_next_try_and_after_a_lost_reply(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(retry_schedule="600")
    mx.fail("busy", 451, "4.3.0 Busy", at="RCPT")
    mx.fail("gone", drop="after-dot", at="REPLY")
    busy = await rig.send(to="busy@there.test")
    await rig.outcomes(1)
    gone = await rig.send(to="gone@there.test")
    await rig.outcomes(2)
    (item,) = await why(rig.api, busy)
    assert (item["state"], item["cause"], item["attempts"]) == ("queued", "retry", 1)
    assert item["last_host"] == "mx0.there.test" and "mx0.there.test" in item["text"] and item["next_try"]
    (item,) = await why(rig.api, gone)
    assert (item["state"], item["cause"]) == ("ambiguous", "reply lost") and item["next_try"]


async def test_while_it_is_being_sent(rig: Rig, mx: Sink) -> None:
    await alive(rig.api)
    mx.fail("bob", at="MESSAGE", delay=3, code=250, text="OK")
    message_id = await rig.send()
    while not mx.counts.data:  # noqa: ASYNC110  the sink has no event for it
        await asyncio.sleep(0.01)
    (item,) = await why(rig.api, message_id)
    assert (item["state"], item["cause"]) == ("leased", "sending")
    await rig.outcomes()
    (item,) = await why(rig.api, message_id)
    assert item["state"] == "delivered"


async def test_scheduled_then_due_then_leased_then_its_process_dies(api: World) -> None:
    at = api.clock.now() // SECOND + 3600
    message_id = await send(api, **{"o:deliverytime": str(at)})
    (item,) = await why(api, message_id)
    assert (item["state"], item["next_try"] is not None) == ("scheduled", True)
    api.clock.advance(3601)
    (item,) = await why(api, message_id)
    assert (item["state"], item["cause"]) == ("queued", "no delivery process")
    await alive(api)
    (item,) = await why(api, message_id)
    assert (item["state"], item["cause"]) == ("queued", "turn")
    (row,) = await api.db.write(queue.claim, api.clock.now(), 10)
    (item,) = await why(api, message_id)
    assert (item["state"], item["cause"]) == ("leased", "turn")
    assert await api.db.write(queue.start, row, api.clock.now())
    (item,) = await why(api, message_id)
    assert (item["state"], item["cause"]) == ("leased", "sending")
    api.clock.advance(60)
    (item,) = await why(api, message_id)
    assert (item["state"], item["cause"]) == ("leased", "lease lost") and item["next_try"]


async def test_parked_and_held(api: World) -> None:
    message_id = await send(api)
    rows = await api.db.write(queue.claim, api.clock.now(), 10)
    await api.db.write(queue.park, rows, "mx.there.test")
    (item,) = await why(api, message_id)
    assert (item["state"], item["cause"]) == ("queued", "throttled") and "mx.there.test" in item["text"]
    second = await send(api, to="eve@other.test")
    await api.ok(
        "POST", "/postwright/v1/queue/pause", data={"recipient_domain": "other.test", "note": "wait"}
    )
    (item,) = await why(api, second)  # it will be held as soon as delivery looks at it
    assert (item["state"], item["cause"]) == ("held", "paused") and "wait" in item["text"]


async def test_a_hold_stops_the_clock_of_a_message(api: World) -> None:
    """It is held for longer than it may live, and has all its time left when it is released."""
    await send(api)
    (row,) = await api.db.write(queue.claim, api.clock.now(), 10)
    assert await api.db.write(queue.hold, row, "rule 7", api.clock.now())
    assert not await api.db.write(queue.hold, row, "rule 7", api.clock.now())  # the lease is gone
    assert await api.db.write(queue.claim, api.clock.now(), 10) == []
    api.clock.advance(7 * 86400)
    assert await api.db.read(queue.held_rules) == ["rule 7"]
    assert await api.db.write(queue.release, "rule 7", api.clock.now()) == 1
    (again,) = await api.db.write(queue.claim, api.clock.now(), 10)
    assert again.give_up_at == row.give_up_at + 7 * 86400 * SECOND


async def test_only_the_first_account_reaches_others(api: World) -> None:
    overview = (await api.call("GET", "/postwright/v1/queue", params={"everywhere": "yes"})).status_code
    second = (
        await api.call("GET", "/postwright/v1/queue", params={"everywhere": "yes"}, key=api.two.key)
    ).status_code
    assert sorted((overview, second)) == [200, 403]
    stranger = api.two if overview == 200 else api.one
    for lever, fields in (
        ("pause", {"everywhere": "yes", "all": "yes"}),
        ("cancel", {"account": "another"}),
        ("reroute", {"all": "yes", "to_smarthost": "127.0.0.1:25"}),
    ):
        answer = await api.call("POST", f"/postwright/v1/queue/{lever}", data=fields, key=stranger.key)
        assert answer.status_code == 403, lever
    developer = api.key(stranger.account_id, "developer")
    assert (
        await api.call("POST", "/postwright/v1/queue/pause", data={"all": "yes"}, key=developer)
    ).status_code == 403
    message_id = await send(api)
    answer = await api.call("POST", "/postwright/v1/queue/cancel", data={"all": "yes"}, key=api.two.key)
    assert answer.json()["count"] == 0
    assert (await why(api, message_id))[0]["state"] == "queued"


@pytest.mark.parametrize(
    ("lever", "fields", "status"),
    [
        ("pause", {}, 400),
        ("pause", {"domain": "nobody.example"}, 404),
        ("pause", {"provider": "Nobody"}, 400),
        ("pause", {"recipient_domain": "a b"}, 400),
        ("resume", {"rule": "7"}, 404),
        ("resume", {"rule": "x"}, 400),
        ("cancel", {"dry_run": "perhaps", "all": "yes"}, 400),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_done(
    api: World, lever: str, fields: dict[str, str], status: int
) -> None:
    answer = await api.call("POST", f"/postwright/v1/queue/{lever}", data=fields)
    assert answer.status_code == status and answer.json()["message"]
    assert (await api.ok("GET", "/postwright/v1/queue/rules"))["items"] == []
    assert (await api.ok("GET", "/postwright/v1/audit"))["items"] == []
