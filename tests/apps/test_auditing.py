"""Every change through the API is in the audit log, with the change itself or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright.kernel.db import Db
from tests.world import World, world

AUDIT = "/postwright/v1/audit"


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """Two accounts."""
    async with world(db, tmp_path) as made:
        yield made


async def recorded(api: World, **more: Any) -> list[dict[str, Any]]:
    """The newest records first."""
    items: list[dict[str, Any]] = (await api.ok("GET", AUDIT, **more))["items"]
    return items


async def test_a_change_tells_who_what_and_from_where(api: World) -> None:
    await api.ok("POST", "/v3/{d}/bounces", data={"address": "a@example.com", "error": "no"})
    (entry,) = await recorded(api)
    assert (entry["action"], entry["object"]) == ("bounces.add", api.one.domain)
    assert entry["by"]["kind"] == "key" and entry["by"]["address"] == "192.0.2.1"
    assert entry["after"]["address"] == "a@example.com"
    assert await recorded(api, key=api.two.key) == []


async def test_before_and_after_where_the_service_says(api: World) -> None:
    child = (await api.ok("POST", "/v5/accounts/subaccounts", data={"name": "Child"}))["subaccount"]["id"]
    await api.ok("POST", f"/v5/accounts/subaccounts/{child}/disable", data={"reason": "test"})
    entry = (await recorded(api))[0]
    assert (entry["action"], entry["object"]) == ("subaccounts.disable", child)
    assert entry["before"] == {"status": "open"}
    assert entry["after"] == {"status": "disabled", "reason": "test"}


async def test_what_is_refused_or_read_leaves_no_record(api: World) -> None:
    await api.call("POST", "/v3/{d}/bounces", data={"address": "no address"})
    await api.call("POST", "/v1/keys", data={"role": "king"})
    await api.call("GET", "/v3/{d}/bounces")
    await api.call("DELETE", "/v3/{d}/bounces/nobody@example.com")
    await api.call("POST", "/v3/{d}/bounces", key="wrong", data={"address": "a@example.com"})
    await api.ok(
        "POST",
        "/v3/{d}/messages",
        data={"from": "a@one.example.com", "to": "b@example.com", "text": "t"},
    )
    for lever in ("pause", "cancel", "requeue"):
        await api.ok(
            "POST", f"/postwright/v1/queue/{lever}", data={"domain": api.one.domain, "dry_run": "yes"}
        )
    assert await recorded(api) == []


async def test_secrets_are_not_recorded(api: World) -> None:
    login = {"login": "bob", "password": "very-secret-1"}
    await api.ok("POST", "/v3/domains/{d}/credentials", data=login)
    made = await api.ok("POST", "/v1/keys", data={"role": "admin"})
    await api.ok("POST", "/v5/accounts/http_signing_key")
    answer = await api.call("GET", AUDIT)
    assert len(answer.json()["items"]) == 3
    assert "very-secret-1" not in answer.text and made["key"]["secret"] not in answer.text


async def test_a_change_on_behalf_of_a_subaccount_is_the_subaccounts(api: World) -> None:
    child = (await api.ok("POST", "/v5/accounts/subaccounts", data={"name": "Child"}))["subaccount"]["id"]
    behalf = {"X-Mailgun-On-Behalf-Of": child}
    await api.ok("PUT", "/v5/accounts", data={"name": "Renamed"}, headers=behalf)
    assert [entry["action"] for entry in await recorded(api, headers=behalf)] == ["accounts.update"]
    assert [entry["action"] for entry in await recorded(api)] == ["subaccounts.create"]
