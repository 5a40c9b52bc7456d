"""The same request twice sends once."""

import asyncio
from typing import Any

import pytest

from postwright import messages, queue
from tests.world import World

SENT = {"from": "a@one.example.com", "to": "bob@example.net", "subject": "s", "text": "x"}


async def queued(api: World) -> int:
    return len(await api.db.read(queue.browse, queue.Where(), 0, 100))


async def send(api: World, **more: Any) -> str:
    return str((await api.ok("POST", "/v3/{d}/messages", data=SENT | more.pop("data", {}), **more))["id"])


@pytest.mark.parametrize(
    "given",
    [
        {"headers": {"Idempotency-Key": "k1"}},
        {"headers": {"X-Idempotency-Key": "k1"}},
        {"data": {"h:X-Idempotency-Key": "k1"}},
    ],
)
async def test_the_same_key_sends_once(api: World, given: dict[str, Any]) -> None:
    ids = await asyncio.gather(*(send(api, **given) for _ in range(8)))
    assert len(set(ids)) == 1 and await queued(api) == 1
    assert await send(api, headers={"Idempotency-Key": "k1"}) == ids[0]  # whichever way it comes
    other = await send(api, headers={"Idempotency-Key": "k2"})
    assert other != ids[0] and await queued(api) == 2 and await send(api) not in (*ids, other)
    # Another account's keys are its own.
    answer = await api.call(
        "POST",
        "/v3/two.example.org/messages",
        data=SENT | {"from": "a@two.example.org"},
        headers={"Idempotency-Key": "k1"},
        key=api.two.key,
    )
    assert answer.status_code == 200 and answer.json()["id"] != ids[0] and await queued(api) == 4


async def test_a_key_lasts_a_day(api: World) -> None:
    first = await send(api, headers={"Idempotency-Key": "k"})
    api.clock.advance(86400 - 60)
    assert await send(api, headers={"Idempotency-Key": "k"}) == first
    api.clock.advance(120)
    assert await send(api, headers={"Idempotency-Key": "k"}) != first
    assert await queued(api) == 2
    assert await api.db.write(messages.expire_keys, api.clock.now()) == 0
    api.clock.advance(86400)
    assert await api.db.write(messages.expire_keys, api.clock.now()) == 1


async def test_what_was_refused_can_be_sent_with_its_key(api: World) -> None:
    headers = {"Idempotency-Key": "k"}
    bad = SENT | {"to": "nobody"}
    assert (await api.call("POST", "/v3/{d}/messages", data=bad, headers=headers)).status_code == 400
    assert await queued(api) == 0
    await send(api, headers=headers)
    assert await queued(api) == 1
    long = {"Idempotency-Key": "k" * 256}
    answer = await api.call("POST", "/v3/{d}/messages", data=SENT, headers=long)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Invalid idempotency key: at most 255 characters expected"


async def test_a_message_id_of_one_s_own(api: World) -> None:
    own = {"h:Message-Id": "<mine@one.example.com>", "h:X-Idempotency-Key": "k"}
    assert [await send(api, data=own) for _ in range(2)] == ["<mine@one.example.com>"] * 2
    assert await queued(api) == 1
