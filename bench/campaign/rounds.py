"""Start, kill, start again; then settle the ledger."""

import asyncio
import os
import random
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import aiohttp

from postwright.testing.catcher import Catcher
from postwright.testing.server import Server, ServerError

from .ledger import CountingSink, Ledger
from .load import DOMAIN, Api, Load

SOURCES = Path(__file__).parents[2] / "src"
SENDERS = 4
ROUND_SECONDS = 6.0  # for a failpoint to be reached
SETTLE_SECONDS = 120.0  # for what waits at the end
RETRY = ",".join(["2"] * 60)
AGAIN = 0.3  # how many of the rounds at random are at a failpoint, a few passes later
ONE, ALL = "one process", "all processes"


def failpoints():
    """Names of all failpoints in the program."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        found.update(re.findall(r'failpoints\.hit\("([\w.]+)"\)', path.read_text()))
    return sorted(found)


class Campaign:
    """A server in `folder` under load; `run` kills it until the time is up."""

    def __init__(self, folder, seed, rate=12.0, tell=print):
        self.dice = random.Random(seed)
        self._folder, self._pause, self._tell = folder, SENDERS / rate, tell
        self.ledger = Ledger()
        self.reached = {}  # round -> how often it died there
        self._store = folder / "data" / "state.db"

    async def run(self, seconds, points, settle=SETTLE_SECONDS):
        """Die at each of `points`, then at random, for so long. What is wrong, in words."""
        self._catcher = Catcher(self._caught)
        async with CountingSink(self.ledger) as sink, self._catcher, aiohttp.ClientSession() as session:
            self._server = Server(
                self._folder,
                domain=DOMAIN,
                delivery=f"smarthost:127.0.0.1:{sink.port}",
                allow_private_targets="yes",
                verify_domains="trust",
                rate_limits="off",
                retry_schedule=RETRY,
                webhook_retry_schedule=",".join(["2"] * 60),
                route_retry_schedule=",".join(["2"] * 60),
                analytics_seal_seconds="2",
            )
            self._server.settings["public_url"] = self._server.base_url
            api = Api(self._server, session)
            self._load = Load(api, self.ledger, self._catcher, self.dice)
            await self._server.start()
            until = time.monotonic() + seconds
            tasks = []
            try:
                await self._load.prepare()
                tasks = [asyncio.create_task(self._load.run(self._pause)) for _ in range(SENDERS)]
                for point in points:
                    if time.monotonic() < until:
                        await self._die_at(point)
                while time.monotonic() < until:
                    busy = [point for point in points if self.reached[point]]
                    if busy and self.dice.random() < AGAIN:
                        await self._die_at(self.dice.choice(busy), self.dice.randint(2, 10))
                    else:
                        await self._die_at_random()
                await _cancelled(tasks)
                self._server.settings.pop("failpoints", None)
                await self._server.start()
                await self._settle(api, settle)
            finally:
                await _cancelled(tasks)
                await self._server.kill()
            return self.ledger.problems(self._store)

    def rows(self):
        """The table: a row for each round, then all."""
        for name, count in {**self.reached, "": sum(self.reached.values())}.items():
            yield {"killed at": name or "total", "reached": count} | self.ledger.row(name, self._store)

    def _caught(self, caught):
        if caught.path.startswith("/hook"):
            self.ledger.hook(caught.json)
        elif caught.path.startswith("/in") and (token := re.search(rb"\btok\d+", caught.body)):
            self.ledger.arrived((token[0].decode(), "route"))
        self._catcher.caught.clear()
        return 200

    async def _die_at(self, point, count=1):
        self.ledger.round = point
        await self._server.kill()
        self._server.settings["failpoints"] = f"{point}=kill@{count}"
        offset = self._server.log.stat().st_size
        died = False
        try:
            await self._server.start()
        except ServerError:
            died = True  # before it was ready: it reads on where it was
        chores = asyncio.create_task(self._load.chores())
        until = time.monotonic() + ROUND_SECONDS
        while not died and time.monotonic() < until:
            await asyncio.sleep(0.1)
            died = b"process ended" in self._server.log.read_bytes()[offset:]
        await asyncio.sleep(self.dice.uniform(0, 1))
        await self._server.kill()
        await _cancelled([chores])
        self.reached[point] = self.reached.get(point, 0) + died
        self._tell(f"{point}: {'killed' if died else 'not reached'}")
        self._server.settings.pop("failpoints")

    async def _die_at_random(self):
        self.ledger.round = kind = self.dice.choice((ONE, ALL))
        if not self._server.pids():
            await self._server.start()
        chores = asyncio.create_task(self._load.chores())
        await asyncio.sleep(self.dice.uniform(0.2, 4))
        if kind == ALL:
            await self._server.kill()
        else:
            pids = self._server.pids()
            victim = self.dice.choice(pids)
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            await asyncio.sleep(self.dice.uniform(0.5, 3))
            if victim == pids[0]:
                await self._server.kill()  # what is left of it
        await _cancelled([chores])
        self.reached[kind] = self.reached.get(kind, 0) + 1
        self._tell(f"{kind}: killed")

    async def _settle(self, api, seconds):
        until = time.monotonic() + seconds
        while True:
            await self.ledger.read(api, DOMAIN)
            left = self.ledger.problems(self._store)
            if not (left or self.ledger.open()) or time.monotonic() > until:
                return
            await asyncio.sleep(1)


async def _cancelled(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
