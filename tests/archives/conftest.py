"""An installation that delivers to a sink and archives at a receiver."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postwright.archives import ArchiveCaller
from postwright.delivery import Delivery
from postwright.kernel.db import Db
from postwright.testing.sink import Sink
from tests.world import World, world


@pytest.fixture
async def api(db: Db, tmp_path: Path, sink: Sink) -> AsyncIterator[World]:
    settings = {
        "delivery": f"smarthost:127.0.0.1:{sink.port}",
        "allow_private_targets": "loopback",
        "webhook_retry_schedule": "600,900",
    }
    async with world(db, tmp_path, **settings) as made:
        context = made.context
        delivery = Delivery(
            settings=context.settings,
            db=db,
            clock=context.clock,
            spool=context.spool,
            vault=context.vault,
            hostname="mail.example.com",
            capture_port=context.capture_port,
        )
        caller = ArchiveCaller(settings=context.settings, db=db, clock=context.clock, spool=context.spool)
        stop = asyncio.Event()
        tasks = [asyncio.create_task(delivery.run(stop)), asyncio.create_task(caller.run(stop))]
        try:
            yield made
        finally:
            stop.set()
            await asyncio.gather(*tasks)
