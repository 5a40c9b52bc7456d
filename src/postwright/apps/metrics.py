"""What Prometheus scrapes."""

import os
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from litestar import Request

from postwright import operations, webhooks
from postwright.accounts import Area, NotAllowed, Principal, any_account
from postwright.kernel import metrics
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read
from postwright.kernel.http import PUBLIC, Controller, Raw, get
from postwright.kernel.metrics import Reading
from postwright.kernel.settings import Settings

# Counting what waits takes longer the more waits. It may take this part of the time at most.
SHARE = 20
SECONDS = 5.0
# A proxy on this machine speaks for others, whoever it is that asks.
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")

Source = Callable[[Read, int], list[Reading]]
SOURCES: tuple[Source, ...] = (operations.readings, webhooks.readings)


class Scraper:
    """Puts together the numbers of all processes and those that only the store knows."""

    def __init__(self, settings: Settings, db: Db, clock: Clock) -> None:
        self._data = settings.data_dir
        self._readers = settings.metrics_readers()
        self._db = db
        self._clock = clock
        self._readings: list[Reading] = []
        self._until = 0.0

    def may_read(self, request: Request[Any, Any, Any]) -> bool:
        """Whether who asks may do so without a key."""
        if self._readers is None:
            return True
        if request.client is None or any(name in request.headers for name in _FORWARDED):
            return False
        try:
            address = ip_address(request.client.host.removeprefix("::ffff:"))
        except ValueError:
            return False
        return any(address.version == network.version and address in network for network in self._readers)

    async def scrape(self) -> Raw:
        """The page."""
        started = time.monotonic()
        if started >= self._until:
            self._until = started + SECONDS  # not for two at once
            self._readings = await self._db.scan(self._read)
            took = time.monotonic() - started
            self._until = started + max(SECONDS, SHARE * took)
        page = metrics.render(self._data / "metrics", [*self._readings, *_machine(self._data)])
        return Raw(page, media_type=metrics.CONTENT_TYPE)

    def _read(self, tx: Read) -> list[Reading]:
        now = self._clock.now()
        return [reading for source in SOURCES for reading in source(tx, now)]


def _machine(data: Path) -> Iterator[Reading]:
    disk = os.statvfs(data)
    yield Reading(
        "store_free_bytes",
        "Room on the disk of the data folder.",
        (),
        {(): float(disk.f_bavail * disk.f_frsize)},
    )
    yield Reading(
        "store_free_inodes",
        "Files that the disk of the data folder has room for.",
        (),
        {(): float(disk.f_favail)},
    )
    headroom = _memory()
    if headroom is not None:
        yield Reading(
            "memory_headroom_bytes",
            "Memory that this machine, or our control group, has left.",
            (),
            {(): headroom},
        )


def _memory() -> float | None:
    """What is left of memory, by the machine and by the control group (cgroup v2), whichever is less."""
    left = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                left.append(int(line.split()[1]) * 1024)
    except (OSError, ValueError, IndexError):
        pass
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text().strip()
        left.append(int(most) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no such group, or no limit ("max")
    return float(max(0, min(left))) if left else None


class Metrics(Controller):
    """Numbers about the installation."""

    @get("/metrics", id="metrics.scrape", access=PUBLIC, errors=(NotAllowed,))
    async def scrape(self, request: Request[Any, Any, Any], scraper: Scraper) -> Raw:
        """Everything in the text format of Prometheus; without a key only for this machine or the networks set."""
        if not scraper.may_read(request):
            raise NotAllowed
        return await scraper.scrape()

    @get("/postwright/v1/metrics", id="metrics.read", access=Area.OPERATIONS, errors=(NotAllowed,))
    async def read(self, principal: Principal, db: Db, scraper: Scraper) -> Raw:
        """The same for an admin key of the installation's first account, from anywhere."""
        if await db.read(any_account) != principal.account_id:
            raise NotAllowed
        return await scraper.scrape()


CONTROLLERS = (Metrics,)
