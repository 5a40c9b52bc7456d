"""Delete messages whose time is over."""

from postwright import queue
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, Write
from postwright.spool import Spool

from . import store

BATCH = 200
RECHECK_SECONDS = 3600


async def expire(db: Db, spool: Spool, now: int) -> int:
    """Delete one batch of expired messages with their bytes; how many."""
    keys = [row.id for row in await db.read(store.expired, now, BATCH)]
    # What an operator holds back may wait longer than a message is kept: it goes when its last recipient has gone.
    waiting = await db.read(queue.having, keys) if keys else set()
    if waiting:
        await db.write(store.keep_until, list(waiting), now + RECHECK_SECONDS * SECOND)
    await _delete(db, spool, [key for key in keys if key not in waiting])
    return len(keys)


def expire_keys(tx: Write, now: int) -> int:
    """Delete one batch of idempotency keys past their time; how many."""
    return store.expire_keys(tx, now, BATCH)


async def forget_domain(db: Db, spool: Spool, domain_id: str) -> int:
    """Delete one batch of a deleted domain's messages; how many."""
    return await _delete(db, spool, [row.id for row in await db.read(store.of_domain, domain_id, BATCH)])


async def _delete(db: Db, spool: Spool, keys: list[int]) -> int:
    if keys:
        files = await db.write(_remove, spool, keys)
        await spool.unlink(files)
    return len(keys)


def _remove(tx: Write, spool: Spool, keys: list[int]) -> list[str]:
    store.remove(tx, keys)
    return spool.remove(tx, keys)
