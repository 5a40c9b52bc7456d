"""A door that takes mail, with everything behind it that passes it on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from postwright.accounts import signing_key
from postwright.delivery import Delivery
from postwright.forwarding import InboundCaller
from postwright.kernel.db import Db
from postwright.testing.sink import Sink
from tests.inbound.conftest import Mx, opened

DOMAIN = "one.example.com"


class Site:
    """An installation: its MX door, its API, its callers; mail to others goes to a sink."""

    def __init__(self, door: Mx, sink: Sink, caller: InboundCaller) -> None:
        self.door, self.sink, self.caller = door, sink, caller
        self.api = door.api

    async def route(self, expression: str, *actions: str, priority: int = 0) -> dict[str, Any]:
        """A new route."""
        fields = {"expression": expression, "action": list(actions), "priority": str(priority)}
        made: dict[str, Any] = (await self.api.ok("POST", "/v3/routes", data=fields))["route"]
        return made

    async def receive(self, raw: bytes, to: str | list[str] = f"bob@{DOMAIN}", **more: Any) -> None:
        """Mail comes in and is dealt with."""
        code, text = await self.door.send(raw, to, **more)
        assert code == 250, text
        await self.door.work()

    async def key(self) -> str:
        """The account's signing key."""
        return await self.api.db.read(signing_key, self.api.one.account_id, self.api.context.vault)

    async def told(self, *names: str) -> list[dict[str, Any]]:
        """The events of these names so far."""
        return [event for event in await self.door.told() if not names or event["event"] in names]

    async def until(
        self, happens: Callable[[list[dict[str, Any]]], Any], *names: str, timeout: float = 20.0
    ) -> list[dict[str, Any]]:
        """The events, once `happens` is true of them."""
        deadline = time.monotonic() + timeout
        while not happens(found := await self.told(*names)):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def site_on(db: Db, folder: Path, sink: Sink, **settings: str) -> AsyncIterator[Site]:
    """A site on `db`, with its caller and its delivery running."""
    settings = {
        "delivery": f"smarthost:127.0.0.1:{sink.port}",
        "allow_private_targets": "loopback",
        "route_retry_schedule": "600,900",
    } | settings
    async with opened(db, folder, **settings) as door:
        door.collect.locals.clear()  # nobody but the handlers under test
        context = door.api.context
        common = {"settings": context.settings, "db": db, "clock": context.clock, "vault": context.vault}
        caller = InboundCaller(**common, spool=context.spool)  # type: ignore[arg-type]
        delivery = Delivery(
            **common,  # type: ignore[arg-type]
            spool=context.spool,
            hostname="mail.example.com",
            capture_port=context.capture_port,
        )
        stop = asyncio.Event()
        tasks = [asyncio.create_task(caller.run(stop)), asyncio.create_task(delivery.run(stop))]
        try:
            yield Site(door, sink, caller)
        finally:
            stop.set()
            await asyncio.gather(*tasks)


@pytest.fixture
async def site(db: Db, tmp_path: Path, sink: Sink) -> AsyncIterator[Site]:
    async with site_on(db, tmp_path, sink) as made:
        yield made
