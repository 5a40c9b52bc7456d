"""Is it up, does it take mail, and what does it serve."""

import msgspec

from postwright import __version__
from postwright.kernel.db import Db, Read, StoreUnavailable
from postwright.kernel.http import PUBLIC, Controller, get


class Health(msgspec.Struct):
    """The process answers and its store does."""

    status: str
    version: str


class Ready(msgspec.Struct):
    """The process may be given requests."""

    status: str
    store: str


class HealthCheck(Controller):
    """Health."""

    @get("/postwright/health", id="health", access=PUBLIC)
    async def health(self, db: Db) -> Health:
        """Whether this process and its store answer."""
        await db.read(_alive)
        return Health("ok", __version__)

    @get("/postwright/live", id="health.live", access=PUBLIC)
    async def live(self) -> Health:
        """Whether this process answers, whatever its store does: when not, start it again."""
        return Health("ok", __version__)

    @get("/postwright/ready", id="health.ready", access=PUBLIC, errors=(StoreUnavailable,))
    async def ready(self, db: Db) -> Ready:
        """Whether this process can take mail, which takes a store that takes changes: when not (503), ask another."""
        await db.write(_alive)
        return Ready("ready", "ok")


def _alive(tx: Read) -> None:
    tx.ping()


CONTROLLERS = (HealthCheck,)
