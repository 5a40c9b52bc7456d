"""Adding copies to be archived, and forgetting them."""

from postwright.kernel.db import Db, Write
from postwright.spool import Blob, Spool

from . import store

BATCH = 200


def add(
    tx: Write,
    spool: Spool,
    now: int,
    *,
    key: int,
    domain_id: str,
    message_id: str,
    recipient: str,
    url: str,
    copy: Blob,
) -> None:
    """Let `copy`, which was delivered, be posted to `url`; `key` is a number of its own, as all rows have."""
    spool.attach(tx, key, copy)
    store.calls.add(tx, now, [(key, domain_id, message_id, recipient, url)])


async def forget_domain(db: Db, spool: Spool, domain_id: str) -> int:
    """Delete some of a deleted domain's calls with their copies; how many."""
    keys = await db.read(store.of_domain, domain_id, BATCH)
    if keys:
        await spool.unlink(await db.write(_remove, spool, keys))
    return len(keys)


def _remove(tx: Write, spool: Spool, keys: list[int]) -> list[str]:
    store.remove(tx, keys)
    return spool.remove(tx, keys)
