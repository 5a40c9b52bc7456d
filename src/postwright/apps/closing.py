"""Empties accounts that were closed, a piece at a time."""

from contextlib import suppress

from postwright import accounts, domains
from postwright.kernel.db import erase_owned

from .context import Context

ROWS = 1000  # of a table in one transaction
DOMAINS = 50
# What is left of a closed account: its name and state, and the record of who changed what, which has an end of
# its own. Domains leave by their own way, which ends with their tombstones.
SPARED = frozenset({"accounts", "audit", "domains", "domain_tombstones"})
OTHERS = {"lever_rules": "owner"}


async def empty_account(context: Context, account_id: str) -> bool:
    """Go as far as it can be gone now; True when nothing is left."""
    db, now = context.db, context.clock.now()
    while names := await db.read(domains.names, account_id, DOMAINS):
        for name in names:
            with suppress(domains.DomainNotFound):  # somebody else deleted it
                await db.write(domains.delete_of_closed, now, account_id, name)
    if await db.read(domains.has_tombstones, account_id):
        return False
    while await db.write(erase_owned, account_id, ROWS, SPARED, OTHERS):
        pass
    await db.write(accounts.mark_emptied, now, account_id)
    return True
