"""Recipients that must wait although they are due: parked in the store, and told of in the journal."""

from collections.abc import Sequence

from postwright import journal, queue
from postwright.kernel.db import Db, Write
from postwright.levers import Rule
from postwright.queue import State, Where

from .places import parked_scope

BATCH = 500


def park(tx: Write, now: int, items: Sequence[queue.Item], key: str, until: int) -> None:
    """Park recipients under `key`; `until` when that is known, because the destination is suspended.

    The journal has one record for as long as they wait for the same, however often they are parked again.
    """
    queue.park(tx, items, key)
    site, source, _ = parked_scope(key)
    what = f"{site} from {source}" if source else site
    cause = "suspended" if until else "throttled"
    decision = f"wait: {what} is left alone for a while" if until else f"wait until {what} takes more"
    journal.note_all(
        tx,
        now,
        [
            (
                item,
                journal.Record(
                    outcome=journal.DELAYED,
                    number=item.attempts + 1,
                    next_at=until,
                    cause=cause,
                    decision=decision,
                ),
            )
            for item in items
            if item.parked != key
        ],
    )


async def release(db: Db, rule: Rule) -> None:
    """Let go of what is parked where it was going, because `rule` may send it another way."""
    filter = rule.filter
    where = Where(
        filter.account or None,
        filter.domain_id or None,
        filter.recipient_domain or None,
        states=(int(State.PARKED),),
    )
    after = 0
    while rows := await db.scan(queue.browse, where, after, BATCH):
        after = rows[-1].id
        await db.write(queue.unpark, [row.id for row in rows])
