"""Mail of an account that sends nothing: it is held, and leaves when the account may send again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from postwright import accounts, levers
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from postwright.queue.tables import queue
from postwright.testing.sink import Sink
from tests.world import world

from .conftest import Rig

LATER = 60  # seconds
HELD = 3


async def scheduled(rig: Rig, key: str, domain: str) -> str:
    """A message for later, accepted while its account may send."""
    fields = {"from": f"ann@{domain}", "to": "bob@there.test", "subject": "Hi", "text": "Hello."}
    fields["o:deliverytime"] = str(rig.api.clock.now() // SECOND + LATER)
    answer = await rig.api.ok("POST", f"/v3/{domain}/messages", data=fields, key=key)
    return str(answer["id"]).strip("<>")


async def held(rig: Rig, key: str, domain: str, message_id: str) -> Any:
    """Where the message is, once it is held by delivery."""
    await put_aside(rig)
    path = f"/postwright/v1/{domain}/messages/{message_id}/why"
    (item,) = (await rig.api.ok("GET", path, key=key))["items"]
    return item


async def put_aside(rig: Rig) -> None:
    """Wait until delivery has held the only row there is."""
    async with asyncio.timeout(15):
        while await rig.api.db.read(_states) != [HELD]:  # noqa: ASYNC110  a row has no event
            await asyncio.sleep(0.02)


def _states(tx: Any) -> list[int]:
    return [row.state for row in tx.rows(queue.select())]


async def test_of_a_disabled_subaccount(rig: Rig, mx: Sink) -> None:
    child = rig.api.tenant("child.example.com", rig.api.one.account_id)
    await rig.api.ok("GET", "/v4/domains", key=child.key)
    message_id = await scheduled(rig, child.key, child.domain)
    path = f"/v5/accounts/subaccounts/{child.account_id}"
    await rig.api.ok("POST", f"{path}/disable", data={"reason": "not paid"})
    await asyncio.sleep(1.2)  # as long as it takes to be known
    rig.api.clock.advance(LATER + 1)
    await put_aside(rig)
    assert mx.messages == []
    rig.api.clock.advance(86_400)  # longer than it may live: the clock stands still for it
    await rig.api.ok("POST", f"{path}/enable")
    (item,) = (
        await rig.api.ok("GET", f"/postwright/v1/{child.domain}/messages/{message_id}/why", key=child.key)
    )["items"]
    assert (item["state"], item["cause"]) == ("held", "released")
    await mx.wait(1, timeout=15)
    assert b"Subject: Hi" in mx.messages[0].data


async def test_of_an_account_whose_sending_is_switched_off(rig: Rig, mx: Sink) -> None:
    one = rig.api.one
    message_id = await scheduled(rig, one.key, one.domain)
    await rig.api.ok("PUT", "/v5/accounts/features", data={"sending": '{"enabled":false}'})
    await asyncio.sleep(1.2)
    rig.api.clock.advance(LATER + 1)
    item = await held(rig, one.key, one.domain, message_id)
    assert (item["cause"], item["text"]) == ("account", "held: sending is disabled for the account")
    assert mx.messages == []
    await rig.api.ok("PUT", "/v5/accounts/features", data={"sending": '{"enabled":true}'})
    await mx.wait(1, timeout=15)


@pytest.mark.parametrize("how", ["disable", "feature"])
async def test_others_go_on(rig: Rig, mx: Sink, how: str) -> None:
    child = rig.api.tenant("child.example.com", rig.api.one.account_id)
    path = f"/v5/accounts/subaccounts/{child.account_id}"
    if how == "disable":
        await rig.api.ok("POST", f"{path}/disable")
    else:
        await rig.api.ok("PUT", f"{path}/features", data={"sending": '{"enabled":false}'})
    await asyncio.sleep(1.2)
    await rig.send()
    await mx.wait(1, timeout=15)


async def test_who_is_stopped(db: Db, tmp_path: Path) -> None:
    async with world(db, tmp_path) as api:
        names = ("disabled", "switched-off", "closed", "open")
        off, quiet, closed, free = (api.tenant(f"{name}.example.com", api.one.account_id) for name in names)
        path = "/v5/accounts/subaccounts"
        await api.ok("POST", f"{path}/{off.account_id}/disable")
        await api.ok("PUT", f"{path}/{quiet.account_id}/features", data={"sending": '{"enabled":false}'})
        await api.ok("DELETE", path, headers={"X-Mailgun-On-Behalf-Of": closed.account_id})
        told = {account_id: rule.note for account_id, rule in (await db.read(levers.stopped)).items()}
        assert told == {
            off.account_id: "the account is disabled",
            quiet.account_id: "sending is disabled for the account",
            closed.account_id: "the account is closed",
        }
        for tenant in (off, quiet, closed, free):
            assert await db.write(accounts.is_stopped, tenant.account_id) == (tenant is not free)
        await db.write(accounts.mark_emptied, api.clock.now(), closed.account_id)
        assert not await db.write(accounts.is_stopped, closed.account_id)
