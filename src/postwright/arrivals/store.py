"""SQL of the jobs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from postwright.kernel.db import Prepared, Read, Write

from .tables import LEASED, QUEUED, inbound_jobs

_INSERT = Prepared(insert(inbound_jobs), tuple(column.name for column in inbound_jobs.columns))
_ANY_DUE = Prepared(
    select(inbound_jobs.c.id)
    .where(inbound_jobs.c.state == QUEUED, inbound_jobs.c.due_at <= bindparam("now"))
    .limit(1),
    ("now",),
)
_DUE = (
    select(inbound_jobs.c.id)
    .where(inbound_jobs.c.state == QUEUED, inbound_jobs.c.due_at <= bindparam("now"))
    .order_by(inbound_jobs.c.due_at)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
_CLAIM = Prepared(
    update(inbound_jobs)
    .where(inbound_jobs.c.id.in_(_DUE))
    .values(state=LEASED, lease_until=bindparam("until"), lease_token=bindparam("token"))
    .returning(
        inbound_jobs.c.id,
        inbound_jobs.c.recipient,
        inbound_jobs.c.arrival,
        inbound_jobs.c.attempts,
        inbound_jobs.c.lease_token,
    ),
    ("until", "token", "now", "count"),
)
_MINE = (
    inbound_jobs.c.id == bindparam("key"),
    inbound_jobs.c.lease_token == bindparam("token"),
    inbound_jobs.c.state == LEASED,
)
_FINISH = Prepared(delete(inbound_jobs).where(*_MINE), ("key", "token"))
_DEFER = Prepared(
    update(inbound_jobs)
    .where(*_MINE)
    .values(
        state=QUEUED,
        due_at=bindparam("due"),
        attempts=bindparam("tries"),
        last_error=bindparam("error"),
        lease_token="",
    ),
    ("due", "tries", "error", "key", "token"),
)


def insert_rows(tx: Write, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, values in table order."""
    tx.do_many(_INSERT, rows)


def any_due(tx: Read, now: int) -> bool:
    """Whether something waits."""
    return bool(tx.fetch(_ANY_DUE, (now,)))


def claim(tx: Write, now: int, until: int, token: str, count: int) -> list[tuple[Any, ...]]:
    """Lease up to `count` due rows."""
    return tx.fetch(_CLAIM, (until, token, now, count))


def finish(tx: Write, key: int, token: str) -> bool:
    """Delete a row that is still leased under `token`."""
    return tx.do(_FINISH, (key, token)) == 1


def defer(tx: Write, key: int, token: str, due: int, attempts: int, error: str) -> bool:
    """Return a leased row."""
    return tx.do(_DEFER, (due, attempts, error, key, token)) == 1


def recover(tx: Write, ended_before: int, due: int) -> int:
    """Return rows whose lease ended."""
    return tx.run(
        update(inbound_jobs)
        .where(inbound_jobs.c.state == LEASED, inbound_jobs.c.lease_until < ended_before)
        .values(state=QUEUED, due_at=due, lease_token="")
    )


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some of a domain's rows; how many."""
    return tx.delete_some(inbound_jobs, inbound_jobs.c.domain_id == domain_id)
