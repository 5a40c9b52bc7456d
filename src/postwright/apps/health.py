"""Is it up, and what does it serve."""

import msgspec

from postwright import __version__
from postwright.kernel.db import Db, Read
from postwright.kernel.http import PUBLIC, Controller, get


class Health(msgspec.Struct):
    """The process answers and its store does."""

    status: str
    version: str


class HealthCheck(Controller):
    """Health."""

    @get("/postwright/health", id="health", access=PUBLIC)
    async def health(self, db: Db) -> Health:
        """Whether this process and its store answer."""
        await db.read(_alive)
        return Health("ok", __version__)


def _alive(tx: Read) -> None:
    tx.ping()


CONTROLLERS = (HealthCheck,)
