"""Subaccounts, limits and lists, by their effects: what is sent, and what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from postwright import accounts, domains, events, notices
from postwright.accounts import subaccounts
from postwright.kernel.db import Db, Read
from tests.world import _PAIR, Tenant, World, world

SUBACCOUNTS = "/v5/accounts/subaccounts"


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """Two accounts on an installation whose mail really leaves."""
    async with world(db, tmp_path, delivery="live") as made:
        yield made


async def child(api: World, name: str = "Child") -> Tenant:
    """A subaccount of the first account, with a domain and a key of its own."""
    made = (await api.ok("POST", SUBACCOUNTS, params={"name": name}))["subaccount"]
    domain = f"{name.lower()}.example.net"
    api.db.write_now(
        domains.create_first,
        api.clock.now(),
        api.context.vault,
        made["id"],
        domain,
        _PAIR,
        sandbox=False,
        postmaster_hash="",
    )
    return Tenant(made["id"], api.key(made["id"], "admin"), domain)


async def send(api: World, tenant: Tenant, *, to: str = "x@example.com", **more: Any) -> tuple[int, str]:
    """Send a message with the tenant's key."""
    form = {"from": f"a@{tenant.domain}", "to": to, "subject": "s", "text": "t"}
    answer = await api.call(
        "POST", f"/v3/{tenant.domain}/messages", **({"key": tenant.key, "data": form} | more)
    )
    return answer.status_code, answer.json().get("message", "") if "json" in answer.headers[
        "content-type"
    ] else ""


def accepted(api: World) -> int:
    """How many recipients were accepted."""

    def count(tx: Read) -> int:
        table = events.events_table
        return int(tx.scalar(select(func.count()).select_from(table).where(table.c.name == "accepted")))

    return api.db.read_now(count)


async def test_life_of_a_subaccount(api: World) -> None:
    tenant = await child(api)
    shown = (await api.ok("GET", f"{SUBACCOUNTS}/{tenant.account_id}"))["subaccount"]
    assert shown["status"] == "open" and shown["created_at"].endswith("GMT")
    assert await send(api, tenant) == (200, "Queued. Thank you.")
    behalf = {"headers": {"X-Mailgun-On-Behalf-Of": tenant.account_id}, "key": api.one.key}
    assert (await send(api, tenant, **behalf))[0] == 200
    reason = {"reason": "no payment"}
    off = await api.ok("POST", f"{SUBACCOUNTS}/{tenant.account_id}/disable", params=reason)
    assert off["subaccount"]["status"] == "disabled"
    again = await api.call("POST", f"{SUBACCOUNTS}/{tenant.account_id}/disable")
    assert (again.status_code, again.json()["message"]) == (400, "subaccount is already disabled")
    assert (await send(api, tenant))[0] == 403
    assert (await send(api, tenant, **behalf))[0] == 403
    assert (await api.ok("GET", SUBACCOUNTS, params={"enabled": "true"}))["total"] == 0
    assert (await api.ok("POST", f"{SUBACCOUNTS}/{tenant.account_id}/enable"))["subaccount"][
        "status"
    ] == "open"
    assert (await send(api, tenant))[0] == 200
    assert accepted(api) == 3


async def test_disabled_while_a_request_is_under_way(api: World) -> None:
    """The door let it in; the transaction that accepts decides."""
    tenant = await child(api)
    assert (await send(api, tenant))[0] == 200  # the key is known to be good for a second
    now = api.clock.now()
    await api.db.write(subaccounts.disable, now, api.one.account_id, tenant.account_id, "")
    status, message = await send(api, tenant)
    assert (status, message) == (403, f"Domain {tenant.domain} is not allowed to send: Account is disabled")
    assert accepted(api) == 1


async def test_a_list_of_subaccounts(api: World) -> None:
    for name in ("beta", "alpha", "Gamma"):
        await api.ok("POST", SUBACCOUNTS, data={"name": name})
    listed = await api.ok("GET", SUBACCOUNTS, params={"sort": "desc", "limit": "2"})
    assert listed["total"] == 3 and len(listed["subaccounts"]) == 2
    found = await api.ok("GET", SUBACCOUNTS, params={"filter": "ALPH"})
    assert [each["name"] for each in found["subaccounts"]] == ["alpha"]
    assert (await api.ok("GET", SUBACCOUNTS, key=api.two.key))["total"] == 0


async def test_a_strangers_subaccount_does_not_exist(api: World) -> None:
    tenant = await child(api)
    two = {"key": api.two.key}
    path = f"{SUBACCOUNTS}/{tenant.account_id}"
    for method, end in (("GET", ""), ("POST", "/disable"), ("POST", "/enable")):
        answer = await api.call(method, path + end, **two)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found"), end
    features = await api.call("PUT", path + "/features", data={"sending": '{"enabled":false}'}, **two)
    assert features.status_code == 404
    limit = await api.call("PUT", path + "/limit/custom/monthly", params={"limit": "5000"}, **two)
    assert (limit.status_code, limit.json()["message"]) == (400, "Invalid subaccount ID")
    other = {"headers": {"X-Mailgun-On-Behalf-Of": tenant.account_id}}
    assert (await api.call("DELETE", SUBACCOUNTS, **two, **other)).status_code == 404
    assert (await send(api, tenant))[0] == 200


async def test_a_deleted_subaccount(api: World) -> None:
    tenant = await child(api)
    assert (await send(api, tenant))[0] == 200
    header = {"X-Mailgun-On-Behalf-Of": tenant.account_id}
    assert (await api.call("DELETE", SUBACCOUNTS)).status_code == 400
    gone = await api.ok("DELETE", SUBACCOUNTS, headers=header)
    assert gone == {"message": "Subaccount successfully deleted"}
    assert (await send(api, tenant))[0] == 401
    assert (await api.call("GET", "/v4/domains", headers=header)).status_code == 404
    assert (await api.ok("GET", SUBACCOUNTS))["total"] == 0
    closed = await api.ok("GET", SUBACCOUNTS, params={"closed": "true"})
    assert [each["status"] for each in closed["subaccounts"]] == ["closed"]


async def test_sending_switched_off(api: World) -> None:
    tenant = await child(api)
    path = f"{SUBACCOUNTS}/{tenant.account_id}/features"
    off = await api.ok("PUT", path, data={"sending": '{"enabled":false}', "validations": '{"enabled": true}'})
    assert off == {"features": {"sending": {"enabled": False}, "validations": {"enabled": True}}}
    status, message = await send(api, tenant)
    assert (status, message) == (
        403,
        f"Domain {tenant.domain} is not allowed to send: Sending is disabled for the account",
    )
    assert (await api.ok("PUT", path, json={"sending": {"enabled": True}}))["features"]["sending"]["enabled"]
    assert (await send(api, tenant))[0] == 200
    for bad in ({}, {"sending": "yes"}, {"sending": "[" * 5000}, {"other": '{"enabled":true}'}):
        answer = await api.call("PUT", path, data=bad)
        assert (answer.status_code, answer.json()["message"]) == (400, "No valid updates provided")


async def test_a_spent_limit_refuses_and_the_next_month_does_not(api: World) -> None:
    own = "/v5/accounts/limit/custom"
    none = await api.call("GET", own + "/monthly")
    assert (none.status_code, none.json()["message"]) == (404, "No threshold for account")
    low = await api.call("PUT", own + "/monthly", params={"limit": "999"})
    assert (low.status_code, low.json()["message"]) == (400, "The limit parameter minumum is 1000")
    assert (await send(api, api.one))[0] == 200  # counts, although there is no limit yet
    assert await api.ok("PUT", own + "/monthly", params={"limit": "1000"}) == {"success": True}
    shown = await api.ok("GET", own + "/monthly")
    assert shown == {"limit": 1000, "current": 1, "period": "1m"}
    early = await api.call("PUT", own + "/enable")
    assert early.status_code == 400
    many = ",".join(f"r{n}@example.com" for n in range(500))
    assert (await send(api, api.one, to=many))[0] == 200
    rest = ",".join(f"r{n}@example.com" for n in range(500))
    status, message = await send(api, api.one, to=rest)  # 1,001 would be too many, and none of them is sent
    assert status == 403
    assert message.startswith(f"Domain {api.one.domain} is not allowed to send: ") and "limit" in message
    assert (await send(api, api.one, to=rest.partition(",")[2]))[0] == 200
    assert (await api.ok("GET", own + "/monthly"))["current"] == 1000 == accepted(api)
    assert (await send(api, api.one))[0] == 403
    assert (await send(api, api.two))[0] == 200
    told = await api.db.write(notices.claim, api.context.vault, api.clock.now())
    assert sorted(each.subject.partition(" ")[0] for each in told) == ["100", "50"]  # 75 was passed in one go
    assert {each.recipient for each in told} == {f"owner@{api.one.domain}"}
    assert await api.ok("PUT", own + "/enable") == {"success": True}
    assert (await send(api, api.one))[0] == 200
    api.clock.advance(32 * 86_400)
    assert (await api.ok("GET", own + "/monthly"))["current"] == 0
    assert (await send(api, api.one))[0] == 200
    assert (await api.ok("GET", own + "/monthly"))["current"] == 1
    assert await api.ok("DELETE", own + "/monthly") == {"success": True}
    gone = await api.call("DELETE", own + "/monthly")
    assert (gone.status_code, gone.json()["message"]) == (400, "Could not delete threshold for account")


async def test_the_allowlist_lets_in_whom_it_lists(api: World) -> None:
    path = "/v2/ip_whitelist"
    assert await api.ok("GET", path) == {"addresses": []}
    bad = await api.call("POST", path, data={"address": "300.1.2.3"})
    assert (bad.status_code, bad.json()["message"]) == (400, "Invalid IP Address or CIDR")
    ours = {"address": "192.0.2.0/24", "description": "office"}
    assert await api.ok("POST", path, data=ours) == {
        "addresses": [{"ip_address": "192.0.2.0/24", "description": "office"}]
    }
    assert (await send(api, api.one))[0] == 200
    await api.ok("POST", path, data={"address": "2001:db8::1"})
    changed = await api.ok("PUT", path, data={"address": "2001:DB8:0::1", "description": "v6"})
    assert changed["addresses"][1] == {"ip_address": "2001:db8::1", "description": "v6"}
    unknown = await api.call("PUT", path, data={"address": "10.0.0.1", "description": "?"})
    assert (unknown.status_code, unknown.json()["message"]) == (400, "IP not found")
    blank = await api.call("DELETE", path)
    assert (blank.status_code, blank.json()["message"]) == (400, "IP address can not be blank")
    session = api.key(api.one.account_id, "admin", kind="web", user_id="u", email="u@example.com")
    await api.ok("DELETE", path, params={"address": "192.0.2.0/24"})
    assert (await api.call("GET", "/v4/domains")).json() == {"message": "Forbidden"}
    assert (await send(api, api.one))[0] == 403
    assert (await api.call("GET", "/v4/domains", key=api.two.key)).status_code == 200
    assert await api.ok("DELETE", path, params={"address": "2001:db8::1"}, key=session) == {"addresses": []}
    assert (await send(api, api.one))[0] == 200


async def test_a_sandbox_sends_to_who_agreed(api: World) -> None:
    name = "sandbox123.postwright.test"
    api.db.write_now(
        domains.create_first,
        api.clock.now(),
        api.context.vault,
        api.one.account_id,
        name,
        _PAIR,
        sandbox=True,
        postmaster_hash="",
    )
    sandbox = Tenant(api.one.account_id, api.one.key, name)
    assert (await send(api, sandbox, to="me@example.com"))[0] == 403
    path = "/v5/sandbox/auth_recipients"
    added = await api.ok("POST", path, params={"email": "Me@Example.com"})
    assert added == {"recipient": {"email": "me@example.com", "activated": False}}
    assert (await send(api, sandbox, to="me@example.com"))[0] == 403
    (notice,) = await api.db.write(notices.claim, api.context.vault, api.clock.now())
    assert notice.recipient == "me@example.com"
    link = next(word for word in notice.text.split() if "token=" in word).removeprefix("https://api.test")
    page = await api.client.get(link)  # looking is not agreeing
    assert "I agree" in page.text and "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert (await send(api, sandbox, to="me@example.com"))[0] == 403
    token = link.partition("token=")[2]
    assert (await api.client.post(link.partition("?")[0], data={"token": token})).status_code == 200
    assert (await api.ok("GET", path))["recipients"] == [{"email": "me@example.com", "activated": True}]
    assert (await send(api, sandbox, to="ME@example.com"))[0] == 200
    assert (await send(api, sandbox, to="me@example.com,you@example.com"))[0] == 403
    assert (await api.client.get(link[:-1])).status_code == 404
    for n in range(4):
        await api.ok("POST", path, data={"email": f"r{n}@example.com"})
    sixth = await api.call("POST", path, data={"email": "r5@example.com"})
    assert (sixth.status_code, sixth.json()["message"]) == (400, "Only 5 sandbox recipients are allowed")
    wrong = await api.call("POST", path, data={"email": "no address"})
    assert (wrong.status_code, wrong.json()["message"]) == (400, "Invalid email address.")
    assert (await api.ok("DELETE", path + "/me@example.com"))["message"] == "Sandbox recipient deleted."
    assert (await send(api, sandbox, to="me@example.com"))[0] == 403


async def test_what_an_account_says_of_itself(api: World) -> None:
    answer = await api.ok(
        "PUT", "/v5/accounts", params={"name": "Acme", "logout_redirect_url": "https://a.example"}
    )
    assert answer == {"message": "Account info has been updated"}
    assert api.db.read_now(accounts.account, api.one.account_id).name == "Acme"
    nothing = await api.call("PUT", "/v5/accounts")
    assert nothing.status_code == 400 and nothing.json()["message"].startswith("Either `name`")
    for bad in (
        {"absolute_session_timeout": "90000"},
        {"logout_redirect_url": "javascript:x"},
        {"name": "a\x00"},
    ):
        assert (await api.call("PUT", "/v5/accounts", data=bad)).status_code == 400
