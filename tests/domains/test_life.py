"""What outlives a request: SMTP logins, and what a deleted domain leaves behind."""

import asyncio
import base64
import smtplib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select

from postwright.apps import projector
from postwright.domains import create_first, new_key
from postwright.domains.tables import dkim_keys
from postwright.kernel.db import Read, metadata
from postwright.testing.dns import FakeDns
from tests.conftest import StartServer
from tests.e2e.conftest import DOMAIN, Api
from tests.world import World


@pytest.fixture
async def served(store_url: str, start_server: StartServer) -> AsyncIterator[Api]:
    server = await start_server(domain=DOMAIN, database=store_url)
    async with aiohttp.ClientSession() as http:
        yield Api(server, http)


def _login(place: tuple[str, int], user: str, password: str) -> int:
    plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    with smtplib.SMTP(*place, timeout=10) as session:
        session.ehlo()
        return session.docmd("AUTH", f"PLAIN {plain}")[0]


async def login(api: Api, user: str, password: str) -> int:
    """The code of the server's answer to AUTH PLAIN (RFC 4616)."""
    return await asyncio.to_thread(_login, api.server.smtp, user, password)


async def test_smtp_password(served: Api) -> None:
    status, body = await served.call(
        "POST", "/v4/domains", data={"name": "smtp.test", "smtp_password": "first pass"}
    )
    assert status == 200 and "smtp_password" not in body["domain"]
    user = body["domain"]["smtp_login"]
    assert await login(served, user, "first pass") == 235
    assert await login(served, user.upper(), "first pass") == 235
    assert await login(served, user, "other pass") == 535
    # No password: no login.
    await served.call("POST", "/v4/domains", data={"name": "silent.test"})
    assert await login(served, "postmaster@silent.test", "") != 235
    status, _ = await served.call(
        "PUT", "/v4/domains/smtp.test", data={"smtp_password": "p\u00e4ssw\u00f6rd"}
    )
    assert status == 200
    assert await login(served, user, "first pass") == 535
    assert await login(served, user, "p\u00e4ssw\u00f6rd") == 235
    # Another password must be five characters at least, and then the old one holds.
    status, _ = await served.call("PUT", "/v4/domains/smtp.test", data={"smtp_password": "x"})
    assert status == 400
    await served.call("PUT", "/v4/domains/smtp.test", data={"smtp_password": "third pass"})
    assert await login(served, user, "third pass") == 235
    await served.call("DELETE", "/v3/domains/smtp.test")
    assert await login(served, user, "third pass") == 535


def _rows(tx: Read, domain_id: str) -> dict[str, int]:
    """How many rows each table has of a domain."""
    found = {}
    for name, table in metadata.tables.items():
        if "domain_id" in table.c:
            count = select(func.count()).select_from(table).where(table.c.domain_id == domain_id)
            found[name] = tx.scalar(count)
    return found


@pytest.fixture
async def settings(fake_dns: FakeDns) -> dict[str, str]:
    fake_dns.set("hooks.test", "A", "127.0.0.1")
    return {"dns": fake_dns.address}


async def test_delete_leaves_nothing(api: World) -> None:
    body = await api.ok("POST", "/v4/domains", data={"name": "gone.test", "smtp_password": "secret"})
    domain_id = body["domain"]["id"]
    for projection in projector.PROJECTIONS:
        await api.db.write(projection.begin)
    hook = {"id": "accepted", "url": "https://hooks.test/"}
    await api.ok("POST", "/v3/domains/gone.test/webhooks", data=hook)
    for _ in range(3):
        await api.ok(
            "POST",
            "/v3/gone.test/messages",
            data={"from": "a@gone.test", "to": "b@x.test", "subject": "s", "text": "t"},
        )
    await api.ok("POST", "/v3/gone.test/bounces", data={"address": "b@x.test"})
    await api.ok("POST", "/v3/gone.test/unsubscribes", data={"address": "b@x.test", "tag": "t"})
    await api.ok("POST", "/v3/gone.test/whitelists", data={"address": "c@x.test"})
    sending = api.key(api.one.account_id, "sending", kind="domain", domain_name="gone.test")
    for projection in projector.PROJECTIONS:
        await projection.catch_up(api.db)
    held = await api.db.read(_rows, domain_id)
    assert {"messages", "queue", "events", "webhook_calls", "suppressions"} <= {
        n for n, c in held.items() if c
    }
    others = await api.db.read(_rows, "")
    await api.ok("DELETE", "/v3/domains/gone.test")
    for path in ("/v3/gone.test/events", "/v3/domains/gone.test/webhooks", "/v3/gone.test/bounces"):
        assert (await api.call("GET", path)).status_code == 404
    sent = await api.call(
        "POST",
        "/v3/gone.test/messages",
        key=sending,
        data={"from": "a@gone.test", "to": "b@x.test", "text": "t"},
    )
    assert sent.status_code in (401, 404)
    # The name is free before everything is gone, and the new owner sees nothing of the old.
    again = await api.ok("POST", "/v4/domains", data={"name": "gone.test"}, key=api.two.key)
    assert (await api.ok("GET", "/v3/gone.test/events", key=api.two.key))["items"] == []
    assert (await api.ok("GET", "/v3/gone.test/bounces", key=api.two.key))["items"] == []
    await projector._housekeeping(api.context)
    assert not any((await api.db.read(_rows, domain_id)).values())
    assert await api.db.read(_rows, "") == others
    assert (await api.ok("GET", "/v4/domains/gone.test", key=api.two.key))["domain"] == again["domain"]
    assert await api.db.read(_keys, api.one.account_id) == [api.one.domain]
    assert await api.context.spool._place.older(-60) == []


def _keys(tx: Read, account_id: str) -> list[str]:
    found = select(dkim_keys.c.authority).where(dkim_keys.c.account_id == account_id)
    return [row[0] for row in tx.rows(found)]


async def test_the_sandbox_stays(api: World) -> None:
    now, vault, pair = api.clock.now(), api.context.vault, new_key(1024)
    name = "sandbox0123.postwright.test"
    made = await api.db.write(
        create_first, now, vault, api.one.account_id, name, pair, sandbox=True, postmaster_hash=""
    )
    shown: dict[str, Any] = (await api.ok("GET", f"/v4/domains/{name}"))["domain"]
    assert (shown["type"], shown["state"], shown["id"]) == ("sandbox", "active", made.id)
    answer = await api.call("DELETE", f"/v3/domains/{name}")
    assert (answer.status_code, answer.json()) == (403, {"message": "Sandbox domains cannot be deleted"})
    assert (await api.ok("GET", f"/v4/domains/{name}"))["domain"] == shown
