"""Hooks and events in a real store, and a sender that runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select

from postwright import events
from postwright.accounts import create_account, signing_key
from postwright.events import Event
from postwright.kernel.clock import Clock, ManualClock
from postwright.kernel.db import Db, Read
from postwright.kernel.ids import hex_id
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings
from postwright.webhooks import WebhookProjection, WebhookSender, service
from postwright.webhooks.service import Level
from postwright.webhooks.tables import webhook_calls

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
