"""SQL of the queue."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, literal_column, select, update

from postwright.kernel.db import Prepared, Read, Write

from .tables import LEASED, QUEUED, queue

_COLUMNS = tuple(column.name for column in queue.columns)
_INSERT = Prepared(insert(queue), _COLUMNS)

_DUE = (
    select(queue.c.id)
    .where(queue.c.state == QUEUED, queue.c.due_at <= bindparam("now"))
    .order_by(queue.c.due_at)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
_CLAIM = Prepared(
    update(queue)
    .where(queue.c.id.in_(_DUE))
    .values(state=LEASED, lease_until=bindparam("until"), lease_token=bindparam("token"))
    .returning(
        queue.c.id,
        queue.c.message,
        queue.c.account_id,
        queue.c.domain_id,
        queue.c.recipient,
        queue.c.site,
        queue.c.accepted_at,
        queue.c.give_up_at,
        queue.c.attempts,
        queue.c.lease_token,
        queue.c.last_code,
        queue.c.last_reply,
        queue.c.personal,
    ),
    ("until", "token", "now", "count"),
)
_MINE = (queue.c.id == bindparam("key"), queue.c.lease_token == bindparam("token"), queue.c.state == LEASED)
_FINISH = Prepared(delete(queue).where(*_MINE), ("key", "token"))
_START = Prepared(
    update(queue).where(*_MINE).values(started=literal_column("1"), lease_until=bindparam("until")),
    ("until", "key", "token"),
)
_ANY_DUE = Prepared(
    select(queue.c.id).where(queue.c.state == QUEUED, queue.c.due_at <= bindparam("now")).limit(1), ("now",)
)
_DEFER = Prepared(
    update(queue)
    .where(*_MINE)
    .values(
        state=QUEUED,
        due_at=bindparam("due"),
        attempts=bindparam("tries"),
        last_code=bindparam("code"),
        last_reply=bindparam("reply"),
        lease_token="",
        started=literal_column("0"),
    ),
    ("due", "tries", "code", "reply", "key", "token"),
)


def insert_rows(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, values in table order."""
    tx.do_many(_INSERT, rows)


def claim(tx: Write, now: int, until: int, token: str, count: int) -> list[tuple[Any, ...]]:
    """Lease up to `count` due rows."""
    return tx.fetch(_CLAIM, (until, token, now, count))


def finish(tx: Write, key: int, token: str) -> bool:
    """Delete a row that is still leased under `token`."""
    return tx.do(_FINISH, (key, token)) == 1


def start(tx: Write, key: int, token: str, until: int) -> bool:
    """Note that an attempt begins, and extend the lease."""
    return tx.do(_START, (until, key, token)) == 1


def any_due(tx: Read, now: int) -> bool:
    """Whether something waits to be claimed."""
    return bool(tx.fetch(_ANY_DUE, (now,)))


def defer(tx: Write, key: int, token: str, due: int, attempts: int, code: int, reply: str) -> bool:
    """Return a leased row to the queue."""
    return tx.do(_DEFER, (due, attempts, code, reply, key, token)) == 1


def recover(tx: Write, ended_before: int, due: int, due_started: int) -> int:
    """Return rows whose lease ended: due at `due`, or `due_started` where an attempt had begun."""
    when = case((queue.c.started == 1, due_started), else_=due)
    return tx.run(
        update(queue)
        .where(queue.c.state == LEASED, queue.c.lease_until < ended_before)
        .values(state=QUEUED, due_at=when, lease_token="", started=0)
    )


def purge(tx: Write, domain_id: str, limit: int) -> int:
    """Delete up to `limit` rows of a domain that nobody is working on."""
    some = select(queue.c.id).where(queue.c.domain_id == domain_id, queue.c.state == QUEUED).limit(limit)
    return tx.run(delete(queue).where(queue.c.id.in_(some)))


def waiting(tx: Read, domain_id: str, due_before: int) -> tuple[int, int]:
    """How many rows of a domain are due before a time, and how many are not."""
    counts = tx.row(
        select(
            func.count().filter(queue.c.due_at <= due_before).label("due"),
            func.count().filter(queue.c.due_at > due_before).label("later"),
        ).where(queue.c.domain_id == domain_id)
    )
    assert counts is not None
    return counts.due, counts.later
