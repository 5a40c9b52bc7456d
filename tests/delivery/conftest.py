"""A delivery process in this one: real store, real DNS queries, real SMTP; only time stands still."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from postwright import events
from postwright.delivery import Delivery
from postwright.kernel.db import Db, open_db
from postwright.testing.dns import FakeDns
from postwright.testing.sink import Sink
from tests.world import World, world

HOST = "127.0.0.2"  # where MX records point
UNLIMITED = """[default]
message_rate = ""
connection_rate = ""
adaptive = false
connections = 20
idle_seconds = 5
"""


class Rig:
    """A world that delivers."""

    def __init__(self, api: World, dns: FakeDns, port: int, sts_port: int = 443) -> None:
        self.api, self.dns, self.port = api, dns, port
        self.delivery = Delivery(
            settings=api.context.settings,
            db=api.db,
            clock=api.clock,
            spool=api.context.spool,
            vault=api.context.vault,
            hostname=api.context.hostname,
            capture_port=api.context.capture_port,
            mx_port=port,
            sts_port=sts_port,
        )

    def mx(self, domain: str, *addresses: str) -> None:
        """Let `domain` have an MX host for each address, in this order of preference."""
        for number, address in enumerate(addresses):
            self.dns.set(f"mx{number}.{domain}", "A", address)
        self.dns.set(domain, "MX", *(f"{10 * n} mx{n}.{domain}." for n in range(len(addresses))))

    async def send(
        self, to: str | list[str] = "bob@there.test", *, domain: str = "one.example.com", **fields: Any
    ) -> str:
        """Send a message; its id."""
        given = {"from": f"ann@{domain}", "to": to, "subject": "Hi", "text": "Hello."}
        given |= {name.replace("__", ":").replace("_", "-"): value for name, value in fields.items()}
        answer = await self.api.ok("POST", f"/v3/{domain}/messages", data=given)
        return str(answer["id"]).strip("<>")

    async def events(self, name: str = "") -> list[dict[str, Any]]:
        """What delivery told so far."""
        entries = await self.api.db.read(events.read, 0, 10_000)
        told = [msgspec.json.decode(entry.data) for entry in entries if entry.name != "accepted"]
        return [event for event in told if not name or event["event"] == name]

    async def outcomes(self, count: int = 1, timeout: float = 10.0) -> list[dict[str, Any]]:
        """The first `count` outcomes, once there are so many."""
        deadline = time.monotonic() + timeout
        while len(found := await self.events()) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {count} outcomes in {timeout} s")
            await asyncio.sleep(0.01)
        return found

    async def outcome(self, **fields: Any) -> dict[str, Any]:
        """The outcome of one message, the only one that was sent."""
        await self.send(**fields)
        (event,) = await self.outcomes()
        return event


@pytest.fixture
async def store(tmp_path: Path, migrated: Path) -> AsyncIterator[Db]:
    """An SQLite store: what delivery asks of a store is tested on both where the queue is."""
    shutil.copy(migrated / "state.db", tmp_path)
    opened = open_db("sqlite", tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def mx() -> AsyncIterator[Sink]:
    """The server of most tests' recipients."""
    async with Sink(host=HOST) as server:
        yield server


Rigs = Callable[..., Awaitable[Rig]]


@pytest.fixture
async def rig_of(store: Db, tmp_path: Path, fake_dns: FakeDns, mx: Sink) -> AsyncIterator[Rigs]:
    """Starts delivery with settings, by default to MX hosts on the loopback network."""
    async with AsyncExitStack() as stack:

        async def start(limits: str = "", sts_port: int = 443, **settings: str) -> Rig:
            # No rates unless a test wants them: the clock stands still.
            table = tmp_path / "shaping.toml"
            table.write_text(f"{UNLIMITED}\n{limits}")
            given = {"shaping": str(table), "delivery": "live", "dns": fake_dns.address}
            given |= {"allow_private_targets": "yes"} | settings
            api = await stack.enter_async_context(world(store, tmp_path, **given))
            rig = Rig(api, fake_dns, mx.port, sts_port)
            stop = asyncio.Event()
            running = asyncio.create_task(rig.delivery.run(stop))

            async def end() -> None:
                stop.set()
                await asyncio.wait_for(running, 15)

            stack.push_async_callback(end)
            rig.mx("there.test", HOST)
            return rig

        yield start


@pytest.fixture
async def rig(rig_of: Rigs) -> Rig:
    return await rig_of()


async def until(look: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(15):
        while not look():  # noqa: ASYNC110  what is looked at has no event
            await asyncio.sleep(0.01)
