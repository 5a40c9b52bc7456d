"""How many recipients may be had: of a domain in an hour, of a list within the limits, and what clients are told."""

from pathlib import Path
from typing import Any

import httpx

from postwright import events
from postwright.accounts import limits
from postwright.accounts.rates import RECIPIENTS
from postwright.apps.notices import NoticeSender
from postwright.apps.receiving import list_worker
from postwright.apps.smtp import acceptor
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, Read
from postwright.mail.headers import format_date
from postwright.queue.tables import queue
from tests.world import Tenant, World, world

HOURLY = "/postwright/v1/subaccounts/{}/hourly_limit"


async def send(api: World, tenant: Tenant, to: int | str = 1) -> httpx.Response:
    """Send a message to so many, or to one address."""
    form = {"from": f"a@{tenant.domain}", "subject": "s", "text": "t"}
    form["to"] = to if isinstance(to, str) else ",".join(f"r{n}@example.com" for n in range(to))
    return await api.call("POST", f"/v3/{tenant.domain}/messages", key=tenant.key, data=form)


def waiting(tx: Read) -> list[str]:
    return sorted(row.recipient for row in tx.rows(queue.select()))


async def test_an_account_that_is_not_trusted_yet(db: Db, tmp_path: Path) -> None:
    async with world(db, tmp_path, delivery="live", subaccount_hourly="5") as api:
        api.clock.advance(3600 - api.clock.now() / SECOND % 3600)
        made = (await api.ok("POST", "/v5/accounts/subaccounts", params={"name": "New"}))["subaccount"]
        path = HOURLY.format(made["id"])
        assert await api.ok("GET", path) == {"limit": 5, "period": "1h"}
        tenant = api.tenant("child.example.net", api.one.account_id)
        path = HOURLY.format(tenant.account_id)
        assert await api.ok("GET", path) == {"limit": None, "period": "1h"}
        assert await api.ok("PUT", path, data={"limit": "5"}) == {"limit": 5, "period": "1h"}
        assert (await send(api, tenant, 3)).status_code == 200
        refused = await send(api, tenant, 3)
        until = api.clock.now() // SECOND // 3600 * 3600 + 3600
        assert (refused.status_code, refused.json()["message"]) == (
            429,
            "Domain child.example.net is not allowed to send: recipient limit exceeded, "
            f"try again after {format_date(until)}",
        )
        wait = int(refused.headers["retry-after"])
        assert 3590 <= wait <= 3600
        assert refused.headers["x-recipient-limit"] == "5"
        assert refused.headers["x-recipient-remaining"] == "0"
        assert refused.headers["x-recipient-reset"] == str(until * 1000)
        assert (await send(api, tenant, 2)).status_code == 200
        assert (await send(api, tenant)).status_code == 429
        assert len(await db.read(waiting)) == 5
        other = api.tenant("other.example.net", api.one.account_id)
        assert (await send(api, other, 6)).status_code == 200
        api.clock.advance(wait)
        assert (await send(api, tenant, 5)).status_code == 200
        assert (await send(api, tenant)).status_code == 429
        for bad in ("0", "-1", "many", str(10**10)):
            assert (await api.call("PUT", path, data={"limit": bad})).status_code == 400
        strangers = {"key": api.two.key}
        assert (await api.call("GET", path, **strangers)).status_code == 400
        assert (await api.call("PUT", path, data={"limit": "9"}, **strangers)).status_code == 400
        assert await api.ok("DELETE", path) == {"limit": None, "period": "1h"}
        assert (await send(api, tenant, 50)).status_code == 200


async def test_clients_are_told_how_many_recipients_are_left(db: Db, tmp_path: Path) -> None:
    async with world(db, tmp_path, rate_limits="on") as api:
        api.clock.advance(3600 - api.clock.now() / SECOND % 3600)
        first, second = await send(api, api.one, 3), await send(api, api.one, 2)
        assert first.headers["x-recipient-limit"] == str(RECIPIENTS.limit)
        assert first.headers["x-recipient-remaining"] == str(RECIPIENTS.limit - 3)
        assert second.headers["x-recipient-remaining"] == str(RECIPIENTS.limit - 5)
        assert second.headers["x-ratelimit-remaining"] == str(2_000_000 - 2)
        assert int(second.headers["x-recipient-reset"]) / 1000 - api.clock.now() / SECOND <= 3600


async def list_of(api: World, *members: str) -> str:
    address = f"news@{api.one.domain}"
    await api.ok("POST", "/v3/lists", data={"address": address})
    for member in members:
        await api.ok("POST", f"/v3/lists/{address}/members", data={"address": member})
    return address


def told(tx: Read, name: str) -> list[Any]:
    return [entry for entry in events.read(tx, 0, 100) if entry.name == name]


async def test_members_of_a_list_count(db: Db, tmp_path: Path) -> None:
    async with world(db, tmp_path) as api:
        address = await list_of(api, *(f"m{n}@example.com" for n in range(4)))
        now = api.clock.now()
        await db.write(limits.set_limit, now, api.one.account_id, 1000, 997)
        answer = await send(api, api.one, address)
        assert answer.status_code == 200
        assert await list_worker(api.context).step()
        # The post itself and two members; nobody else, and that is told of each.
        assert await db.read(waiting) == ["m0@example.com", "m1@example.com"]
        assert await db.read(limits.limit_of, now, api.one.account_id) == (1000, 1000)
        found = (await api.ok("GET", f"/v3/{api.one.domain}/events", params={"event": "rejected"}))["items"]
        assert sorted(each["recipient"] for each in found) == ["m2@example.com", "m3@example.com"]
        assert {each["reject"]["reason"] for each in found} == {
            f"Domain {api.one.domain} is not allowed to send: The account has reached its custom message limit of "
            "1000 messages for this month."
        }
        assert (await send(api, api.one, address)).status_code == 403
        assert not await list_worker(api.context).step()


async def test_members_of_a_list_count_in_the_hour(db: Db, tmp_path: Path) -> None:
    async with world(db, tmp_path) as api:
        address = await list_of(api, *(f"m{n}@example.com" for n in range(4)))
        await db.write(limits.set_hourly, api.clock.now(), api.one.account_id, 4)
        assert (await send(api, api.one, address)).status_code == 200
        assert await list_worker(api.context).step()
        assert len(await db.read(waiting)) == 3
        (refused,) = await db.read(told, "rejected")
        assert b"recipient limit exceeded" in refused.data


async def test_what_says_that_a_limit_is_spent_is_sent(db: Db, tmp_path: Path) -> None:
    """Mail of the installation itself does not stop at the limit that it is about."""
    async with world(db, tmp_path) as api:
        await db.write(limits.set_limit, api.clock.now(), api.one.account_id, 1000, 999)
        assert (await send(api, api.one)).status_code == 200
        assert (await send(api, api.one)).status_code == 403
        assert await NoticeSender(api.context, acceptor(api.context)).run_once() == 1
        assert await db.read(waiting) == ["owner@one.example.com", "r0@example.com"]
