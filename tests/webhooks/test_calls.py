"""Calls that were made: looked into, made again one by one and for a time range, and signatures judged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from postwright import events
from postwright.domains import find
from postwright.events import Event
from postwright.kernel.db import Db
from postwright.testing.catcher import Answer, Catcher
from postwright.webhooks import WebhookProjection, WebhookSender
from tests.world import Tenant, World, world

PATH = "/postwright/v1/webhooks"


@pytest.fixture
async def here(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    async with world(db, tmp_path, allow_private_targets="loopback", webhook_retry_schedule="3600") as made:
        yield made


@asynccontextmanager
async def sending(here: World) -> AsyncIterator[None]:
    """A sender that runs."""
    context = here.context
    sender = WebhookSender(settings=context.settings, db=here.db, clock=here.clock, vault=context.vault)
    stop = asyncio.Event()
    task = asyncio.create_task(sender.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def told(here: World, tenant: Tenant, *names: str) -> None:
    """Things happen, one second after the other, and calls are written."""
    for name in names:
        here.clock.advance(1)
        domain = await here.db.read(find, tenant.account_id, tenant.domain)
        assert domain is not None
        event = Event(
            name=name,
            account_id=tenant.account_id,
            domain_id=domain.id,
            recipient="bob@example.net",
            data={"recipient": "bob@example.net"},
        )
        await here.db.write(events.append, here.clock.now(), [event])
        while await WebhookProjection().catch_up(here.db):
            pass


async def listed(here: World, **query: Any) -> list[dict[str, Any]]:
    return (await here.ok("GET", f"{PATH}/calls", params=query))["items"]


async def until(here: World, count: int, **query: Any) -> list[dict[str, Any]]:
    """The calls, once there are `count` of the kind."""
    for _ in range(500):
        found = await listed(here, **query)
        if len(found) == count:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


async def test_calls_are_shown_and_made_again(here: World) -> None:
    await here.db.write(WebhookProjection().begin)
    async with Catcher(Answer(500, b"out of \0 order")) as catcher, sending(here):
        hook = {"id": "delivered", "url": catcher.url("/hook")}
        await here.ok("POST", "/v3/domains/{d}/webhooks", data=hook)
        await here.ok("POST", "/v3/domains/{d}/webhooks", data=hook | {"id": "opened"})
        begin = here.clock.now() / 1e6
        await told(here, here.one, "delivered", "opened")
        here.clock.advance(10)
        for _ in range(500):
            if len(catcher.caught) == 2 and all(each["attempts"] for each in await listed(here)):
                break
            await asyncio.sleep(0.02)
        found = await listed(here)
        assert [each["event_type"] for each in found] == ["opened", "delivered"]
        assert {(each["state"], each["last_status"], each["attempts"]) for each in found} == {
            ("queued", 500, 1)
        }
        one = await here.ok("GET", f"{PATH}/calls/{found[1]['id']}")
        assert one["response"] == "out of \ufffd order" and one["event_data"]["event"] == "delivered"
        assert one["event_data"] == catcher.caught[0].json["event-data"]

        # Again, and now it goes well: a new signature, the same event.
        catcher.script = Answer(200, b"thanks")
        again = await here.ok("POST", f"{PATH}/calls/{found[1]['id']}/retry")
        assert (again["state"], again["attempts"]) == ("queued", 0)
        (done,) = await until(here, 1, state="done")
        assert done["id"] == found[1]["id"] and done["finished_at"]
        assert catcher.caught[2].json["event-data"] == one["event_data"]
        assert catcher.caught[2].json["signature"]["token"] != catcher.caught[0].json["signature"]["token"]

        # The receiver lost what it said yes to: all of the time range again.
        scope = {"begin": begin, "url": catcher.url("/hook")}
        assert (await here.ok("POST", f"{PATH}/replay", json=scope | {"dry_run": True}))["count"] == 2
        assert len(catcher.caught) == 3
        replayed = await here.ok("POST", f"{PATH}/replay", json=scope)
        assert (replayed["count"], replayed["complete"]) == (2, True)
        await until(here, 2, state="done")
        assert len(catcher.caught) == 5
        only = scope | {"event_type": "opened", "domain": here.one.domain}
        assert (await here.ok("POST", f"{PATH}/replay", json=only))["count"] == 1
        later = scope | {"begin": here.clock.now() / 1e6 + 60}
        assert (await here.ok("POST", f"{PATH}/replay", json=later))["count"] == 0

        # The signature as a receiver has it.
        await until(here, 2, state="done")
        signature = catcher.caught[-1].json["signature"]
        assert (await here.ok("POST", f"{PATH}/verify", json=signature))["valid"] is True
        forged = await here.ok("POST", f"{PATH}/verify", json=signature | {"token": "0" * 50})
        assert forged["valid"] is False and "signing key" in forged["message"]
        here.clock.advance(3600)
        assert "older" in (await here.ok("POST", f"{PATH}/verify", json=signature))["message"]


async def test_pages_strangers_and_nonsense(here: World) -> None:
    await here.db.write(WebhookProjection().begin)
    hook = {"id": "delivered", "url": "http://127.0.0.1:9/"}
    await here.ok("POST", "/v3/domains/{d}/webhooks", data=hook | {"url": "http://127.0.0.1:8999/"})
    await told(here, here.one, "delivered", "delivered", "delivered")
    first = await here.ok("GET", f"{PATH}/calls", params={"limit": 2, "domain": here.one.domain})
    assert len(first["items"]) == 2
    link = first["paging"]["next"].removeprefix("https://api.test")
    second = await here.ok("GET", link)
    assert [each["id"] for each in second["items"]] == [first["items"][1]["id"] - 1]
    back = await here.ok("GET", second["paging"]["previous"].removeprefix("https://api.test"))
    assert back["items"] == first["items"]
    number = first["items"][0]["id"]
    for method, path in (
        ("GET", f"/calls/{number}"),
        ("POST", f"/calls/{number}/retry"),
        ("GET", "/calls/99999"),
    ):
        answer = await here.call(method, PATH + path, key=here.two.key)
        assert answer.status_code == 404, path
    assert (await here.ok("GET", f"{PATH}/calls", key=here.two.key))["items"] == []
    replay = {"begin": 0}
    assert (await here.ok("POST", f"{PATH}/replay", json=replay, key=here.two.key))["count"] == 0
    for wrong, status in (
        ({"state": "odd"}, 400),
        ({"domain": here.two.domain}, 404),
        ({"page": "nonsense"}, 400),
        ({"begin": "yesterday-ish"}, 400),
    ):
        assert (await here.call("GET", f"{PATH}/calls", params=wrong)).status_code == status, wrong
    assert (await here.call("POST", f"{PATH}/replay", json={})).status_code == 400
