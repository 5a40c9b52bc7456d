"""What every process needs, opened from the settings."""

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from postwright import __version__, domains, ips
from postwright.kernel import failpoints
from postwright.kernel.clock import Clock, SharedClock
from postwright.kernel.db import Db, lease_node, open_db
from postwright.kernel.ids import Sequence
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings
from postwright.spool import Spool

from . import concepts as _concepts  # noqa: F401  every table must be known before the store is used


@dataclass(frozen=True)
class Context:
    """One process's share of the installation."""

    settings: Settings
    db: Db
    clock: Clock
    vault: Vault
    spool: Spool
    sequence: Sequence
    hostname: str
    capture_port: Path
    node: int = 0  # this process's number in the store

    async def installation(self) -> domains.Installation:
        """What customers' DNS records point to, as of now."""
        sources = await self.db.read(ips.in_use)
        return domains.Installation.of(self.settings, self.hostname, sources)


def open_context(settings: Settings, role: str) -> Context:
    """Open everything for a process of `role`. The schema must be up to date."""
    failpoints.arm(settings.failpoints)
    data = settings.data_dir
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    db = open_db(settings.database, data)
    node = db.write_now(lease_node, role, time.time_ns() // 1000, socket.gethostname(), __version__)
    return Context(
        settings=settings,
        db=db,
        # Where nothing leaves the machine, tests may move the time.
        clock=SharedClock(data / "clock") if settings.capture else Clock(),
        vault=Vault.from_file(settings.key_path),
        spool=Spool(settings.bodies_location),
        sequence=Sequence(node),
        hostname=settings.hostname or socket.getfqdn(),
        capture_port=data / "capture.port",
        node=node,
    )
