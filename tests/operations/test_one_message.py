"""Sending one message now, or not at all."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from postwright import queue
from postwright.kernel.db import Db, Read
from postwright.queue import Waiting, Where
from tests.world import World, world


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    async with world(db, tmp_path) as made:
        yield made


async def _scheduled(api: World) -> str:
    later = datetime.fromtimestamp(api.clock.now() / 1e6, UTC) + timedelta(hours=5)
    fields = {
        "from": f"a@{api.one.domain}",
        "to": "bob@example.net, eve@example.net",
        "subject": "Hi",
        "text": "Hello",
        "o:deliverytime": format_datetime(later),
    }
    sent = await api.ok("POST", "/v3/{d}/messages", data=fields)
    return str(sent["id"]).strip("<>")


async def _waiting(api: World) -> dict[str, Waiting]:
    def rows(tx: Read) -> list[Waiting]:
        return queue.browse(tx, Where(), 0, 10)

    return {row.recipient: row for row in await api.db.read(rows)}


async def test_one_recipient_is_sent_now_and_the_other_not_at_all(api: World) -> None:
    message_id = await _scheduled(api)
    path = f"/postwright/v1/{{d}}/messages/{message_id}"
    done = await api.ok("POST", f"{path}/requeue", data={"recipient": "Bob@example.net"})
    assert (done["count"], done["complete"]) == (1, True)
    rows = await _waiting(api)
    assert rows["bob@example.net"].due_at <= api.clock.now() < rows["eve@example.net"].due_at
    done = await api.ok("POST", f"{path}/cancel", data={"recipient": "eve@example.net"})
    assert done["count"] == 1
    assert list(await _waiting(api)) == ["bob@example.net"]
    told = await api.ok("GET", "/v3/{d}/events", params={"event": "failed"})
    assert [each["recipient"] for each in told["items"]] == ["eve@example.net"]
    why = await api.ok("GET", f"{path}/why")
    assert {each["recipient"]: each["cause"] for each in why["items"]}["eve@example.net"] == "cancelled"
    audit = await api.ok("GET", "/postwright/v1/audit", params={"action": "queue.cancel"})
    assert audit["items"][0]["object"] == f"message={message_id}, recipient=eve@example.net"
    assert (await api.ok("POST", f"{path}/cancel"))["count"] == 1
    assert await _waiting(api) == {}


async def test_strangers_find_no_message(api: World) -> None:
    message_id = await _scheduled(api)
    for verb in ("requeue", "cancel"):
        theirs = f"/postwright/v1/{api.two.domain}/messages/{message_id}/{verb}"
        assert (await api.call("POST", theirs, key=api.two.key)).status_code == 404
        ours = f"/postwright/v1/{{d}}/messages/{message_id}/{verb}"
        assert (await api.call("POST", ours, key=api.two.key)).status_code == 404
        analyst = api.key(api.one.account_id, "basic")
        assert (await api.call("POST", ours, key=analyst)).status_code == 403
    assert len(await _waiting(api)) == 2
