"""Delete messages whose time is over."""

from postwright.kernel.db import Db, Write
from postwright.spool import Spool

from . import store

BATCH = 200


async def expire(db: Db, spool: Spool, now: int) -> int:
    """Delete one batch of expired messages with their bytes; how many."""
    rows = await db.read(store.expired, now, BATCH)
    keys = [row.id for row in rows]
    if keys:
        files = await db.write(_remove, spool, keys)
        await spool.unlink(files)
    return len(keys)


def _remove(tx: Write, spool: Spool, keys: list[int]) -> list[str]:
    store.remove(tx, keys)
    return spool.remove(tx, keys)
