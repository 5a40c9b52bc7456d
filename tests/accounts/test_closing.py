"""A deleted subaccount leaves nothing behind, in whatever table it was."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from postwright import domains
from postwright.apps import projector
from postwright.apps.closing import SPARED, empty_account
from postwright.kernel.db import Db, Read, metadata
from tests.world import _PAIR, World, world


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """Two accounts."""
    async with world(db, tmp_path) as made:
        yield made


def left(tx: Read, account_id: str) -> dict[str, int]:
    """Rows of an account, by table."""
    counts = {}
    for table in metadata.tables.values():
        if "account_id" in table.c and table.name not in SPARED - {"domains", "domain_tombstones"}:
            stmt = select(func.count()).select_from(table).where(table.c.account_id == account_id)
            counts[table.name] = int(tx.scalar(stmt))
    return {name: count for name, count in counts.items() if count}


def size(tx: Read, name: str) -> int:
    """Rows of a table."""
    return int(tx.scalar(select(func.count()).select_from(metadata.tables[name])))


async def fill(api: World, key: str, domain: str) -> None:
    """Some of everything."""
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"/v3/{domain}/messages", {"from": f"a@{domain}", "to": "x@example.com", "text": "t"}),
        ("POST", f"/v3/{domain}/bounces", {"address": "a@example.com"}),
        ("POST", f"/v3/{domain}/templates", {"name": "t", "template": "hi {{name}}"}),
        ("POST", "/v4/templates", {"name": "wide", "template": "hi"}),
        ("POST", "/v3/routes", {"expression": "catch_all()", "action": "stop()"}),
        ("POST", "/v3/lists", {"address": f"list@{domain}"}),
        ("POST", f"/v3/lists/list@{domain}/members", {"address": "m@example.com"}),
        ("POST", f"/v3/domains/{domain}/webhooks", {"id": "delivered", "url": "http://127.0.0.1:8080/x"}),
        ("POST", "/v1/webhooks", {"url": "http://127.0.0.1:8080/y", "event_types": "delivered"}),
        ("POST", "/v2/ip_whitelist", {"address": "192.0.2.1"}),
        ("POST", "/v5/sandbox/auth_recipients", {"email": "r@example.com"}),
        ("POST", "/postwright/v1/users", {"email": f"u@{domain}", "role": "basic"}),
        ("POST", "/v1/keys", {"role": "basic"}),
    ]
    for method, path, data in calls:
        answer = await api.call(method, path, key=key, data=data)
        assert answer.status_code < 300, (path, answer.text)
    limit = await api.call("PUT", "/v5/accounts/limit/custom/monthly", key=key, params={"limit": "5000"})
    assert limit.status_code == 200


async def test_nothing_is_left(api: World) -> None:
    child = (await api.ok("POST", "/v5/accounts/subaccounts", data={"name": "Child"}))["subaccount"]["id"]
    domain = "child.example.net"
    now, vault = api.clock.now(), api.context.vault
    api.db.write_now(
        domains.create_first, now, vault, child, domain, _PAIR, sandbox=False, postmaster_hash="x"
    )
    api.db.write_now(
        domains.create_first,
        now,
        vault,
        child,
        "sandbox1.postwright.test",
        _PAIR,
        sandbox=True,
        postmaster_hash="x",
    )
    await fill(api, api.two.key, api.two.domain)
    others = api.db.read_now(left, api.two.account_id)
    beside = {
        name: api.db.read_now(size, name) for name in ("template_versions", "webhook_types", "user_links")
    }
    await fill(api, api.key(child, "admin"), domain)
    assert len(api.db.read_now(left, child)) >= 12
    await api.ok("DELETE", "/v5/accounts/subaccounts", headers={"X-Mailgun-On-Behalf-Of": child})
    assert not await empty_account(api.context, child)  # its domain is still let go
    for _ in range(2):
        await projector._housekeeping(api.context)
    assert api.db.read_now(left, child) == {}
    assert api.db.read_now(left, api.two.account_id) == others
    assert {name: api.db.read_now(size, name) for name in beside} == beside
    closed = await api.ok("GET", "/v5/accounts/subaccounts", params={"closed": "true"})
    assert [each["id"] for each in closed["subaccounts"]] == [child]
