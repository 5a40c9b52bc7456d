"""Hooks and events in a real store, and a sender that runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from postwright import events
from postwright.accounts import any_account, create_account, create_key, signing_key
from postwright.events import Event
from postwright.kernel.clock import Clock, ManualClock
from postwright.kernel.db import Db, Read, Write, open_db
from postwright.kernel.ids import hex_id
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings
from postwright.testing.dns import FakeDns
from postwright.webhooks import WebhookProjection, WebhookSender, service
from postwright.webhooks.service import Level
from postwright.webhooks.tables import webhook_calls
from tests.conftest import StartServer
from tests.e2e.conftest import DOMAIN, Api

QUEUED, LEASED, DONE, GIVEN_UP = range(4)


class World:
    """One installation, without its doors."""

    def __init__(self, db: Db) -> None:
        self.db = db
        self.clock: Clock = ManualClock(1_800_000_000_000_000)
        self.vault = Vault(bytes(32))
        self.settings = Settings(allow_private_targets="loopback")
        self.projection = WebhookProjection()

    async def account(self, parent_id: str | None = None) -> str:
        """A new account."""
        return await self.db.write(
            create_account, self.clock.now(), "Acme", "owner@acme.test", self.vault, parent_id
        )

    async def key(self, account_id: str) -> str:
        """The signing key of an account."""
        return await self.db.read(signing_key, account_id, self.vault)

    async def hook(self, level: Level, url: str, *types: str) -> None:
        """Let a URL be told of types."""
        await self.db.write(service.add, self.clock.now(), level, [url], types or ["delivered"])

    async def event(self, level: Level, name: str = "delivered", severity: str = "", **data: Any) -> None:
        """Something happens."""
        event = Event(
            name=name, account_id=level.account_id, domain_id=level.domain_id, severity=severity, data=data
        )
        await self.db.write(events.append, self.clock.now(), [event])

    async def project(self) -> int:
        """Take in all events; how many there were."""
        total = 0
        while count := await self.projection.catch_up(self.db):
            total += count
        return total

    async def calls(self) -> list[Any]:
        """All calls, in order."""
        return list(await self.db.read(_calls))

    @asynccontextmanager
    async def sending(self, **settings: str) -> AsyncIterator[WebhookSender]:
        """A running sender."""
        made = Settings(**({"allow_private_targets": "loopback"} | settings))
        sender = WebhookSender(settings=made, db=self.db, clock=self.clock, vault=self.vault)
        stop = asyncio.Event()
        task = asyncio.create_task(sender.run(stop))
        try:
            yield sender
        finally:
            stop.set()
            await task

    async def until(self, happens: Callable[[list[Any]], bool], timeout: float = 10.0) -> list[Any]:
        """The calls, once `happens` is true of them."""
        deadline = time.monotonic() + timeout
        while not happens(found := await self.calls()):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)
        return found


def _calls(tx: Read) -> Any:
    return tx.rows(select(webhook_calls).order_by(webhook_calls.c.id))


@pytest.fixture
async def world(db: Db) -> World:
    made = World(db)
    await db.write(made.projection.begin)
    return made


@pytest.fixture
async def domain(world: World) -> Level:
    """A domain of an account."""
    return Level(await world.account(), hex_id())


class Site:
    """A real server, and its store from behind."""

    def __init__(self, api: Api, db: Db, vault: Vault) -> None:
        self.api, self.db, self.vault = api, db, vault

    async def v3(self, method: str, path: str = "", *, domain: str = DOMAIN, **more: Any) -> tuple[int, Any]:
        """A call of the domain's webhooks by type."""
        return await self.api.call(method, f"/v3/domains/{domain}/webhooks{path}", **more)

    async def v4(self, method: str, *, domain: str = DOMAIN, **more: Any) -> tuple[int, Any]:
        """A call of the domain's webhooks by URL."""
        return await self.api.call(method, f"/v4/domains/{domain}/webhooks", **more)

    async def v1(self, method: str, path: str = "", **more: Any) -> tuple[int, Any]:
        """A call of the account's webhooks."""
        return await self.api.call(method, f"/v1/webhooks{path}", **more)

    async def urls(self, domain: str = DOMAIN, **more: Any) -> dict[str, list[str]]:
        """The URLs of each type of a domain."""
        status, body = await self.v3("GET", domain=domain, **more)
        assert status == 200, body
        return {name: each["urls"] for name, each in body["webhooks"].items()}

    async def account_urls(self) -> dict[str, list[str]]:
        """URL and types of the account's webhooks."""
        status, body = await self.v1("GET")
        assert status == 200, body
        return {hook["url"]: hook["event_types"] for hook in body["webhooks"]}

    async def another_account(self) -> str:
        """The admin key of another account."""

        def make(tx: Write) -> str:
            now = Clock().now()
            account_id = create_account(tx, now, "Other", "other@other.test", self.vault)
            return create_key(tx, now, account_id, role="admin").secret

        return await self.db.write(make)

    async def key(self, role: str) -> str:
        """A key of that role of the first account."""

        def make(tx: Write) -> str:
            account_id = any_account(tx)
            assert account_id is not None
            more = {"kind": "domain", "domain_name": DOMAIN} if role == "sending" else {}
            return create_key(tx, Clock().now(), account_id, role=role, **more).secret

        return await self.db.write(make)


@pytest.fixture
async def site(store_url: str, start_server: StartServer, fake_dns: FakeDns) -> AsyncIterator[Site]:
    for name in ("a", "b", "c", "d", "e"):
        fake_dns.set(f"{name}.hooks.test", "A", "127.0.0.1")
    fake_dns.set("inside.hooks.test", "A", "10.0.0.1")
    server = await start_server(
        domain=DOMAIN,
        database=store_url,
        allow_private_targets="loopback",
        verify_domains="trust",
        dns=fake_dns.address,
    )
    data = server.folder / "data"
    db = open_db(store_url, data)
    async with aiohttp.ClientSession() as http:
        yield Site(Api(server, http), db, Vault.from_file(data / "secret.key"))
    await db.close()
