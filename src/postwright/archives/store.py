"""SQL of copies that are to be archived."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from postwright.kernel.db import Prepared, Read, Write

from .tables import DONE, GIVEN_UP, LEASED, QUEUED, archive_calls

_INSERT = Prepared(insert(archive_calls), tuple(column.name for column in archive_calls.columns))
_ANY_DUE = Prepared(
    select(archive_calls.c.id)
    .where(archive_calls.c.state == QUEUED, archive_calls.c.due_at <= bindparam("now"))
    .limit(1),
    ("now",),
)
_DUE = (
    select(archive_calls.c.id)
    .where(archive_calls.c.state == QUEUED, archive_calls.c.due_at <= bindparam("now"))
    .order_by(archive_calls.c.due_at)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
_CLAIM = Prepared(
    update(archive_calls)
    .where(archive_calls.c.id.in_(_DUE))
    .values(state=LEASED, lease_until=bindparam("until"), lease_token=bindparam("token"))
    .returning(
        archive_calls.c.id,
        archive_calls.c.message_id,
        archive_calls.c.url,
        archive_calls.c.attempts,
        archive_calls.c.lease_token,
    ),
    ("until", "token", "now", "count"),
)


def add(tx: Write, now: int, key: int, domain_id: str, message_id: str, recipient: str, url: str) -> None:
    """Add a call, due now."""
    tx.do(_INSERT, (key, domain_id, message_id, recipient, url, 0, 0, now, 0, "", 0, "", now, 0))


def any_due(tx: Read, now: int) -> bool:
    """Whether a call is due."""
    return bool(tx.fetch(_ANY_DUE, (now,)))


def claim(tx: Write, now: int, until: int, token: str, count: int) -> list[tuple[Any, ...]]:
    """Lease due calls."""
    return tx.fetch(_CLAIM, (until, token, now, count))


def end(tx: Write, key: int, token: str, now: int, status: int, error: str, *, done: bool) -> bool:
    """Finish a leased call. False: the lease is lost."""
    state = DONE if done else GIVEN_UP
    return _set(tx, key, token, state=state, last_status=status, last_error=error, finished_at=now)


def again(tx: Write, key: int, token: str, due: int, attempts: int, status: int, error: str) -> bool:
    """Return a leased call to the queue. False: the lease is lost."""
    return _set(
        tx, key, token, state=QUEUED, due_at=due, attempts=attempts, last_status=status, last_error=error
    )


def postpone(tx: Write, calls: Sequence[tuple[int, str, int]]) -> None:
    """Return leased calls (id, token, when they are due) that were not tried."""
    for key, token, due in calls:
        _set(tx, key, token, state=QUEUED, due_at=due)


def _set(tx: Write, key: int, token: str, **values: Any) -> bool:
    mine = (
        archive_calls.c.id == key,
        archive_calls.c.lease_token == token,
        archive_calls.c.state == LEASED,
    )
    return tx.run(update(archive_calls).where(*mine).values(lease_token="", **values)) == 1


def recover(tx: Write, ended_before: int, due: int) -> int:
    """Return calls whose lease ended."""
    return tx.run(
        update(archive_calls)
        .where(archive_calls.c.state == LEASED, archive_calls.c.lease_until < ended_before)
        .values(state=QUEUED, due_at=due, lease_token="")
    )


def expire(tx: Write, before: int, limit: int) -> int:
    """Delete calls that ended before a time."""
    old = (
        select(archive_calls.c.id)
        .where(archive_calls.c.finished_at > 0, archive_calls.c.finished_at < before)
        .limit(limit)
    )
    return tx.run(delete(archive_calls).where(archive_calls.c.id.in_(old)))


def of_domain(tx: Read, domain_id: str, limit: int) -> list[int]:
    """Calls of a domain."""
    rows = tx.rows(select(archive_calls.c.id).where(archive_calls.c.domain_id == domain_id).limit(limit))
    return [row.id for row in rows]


def remove(tx: Write, keys: Sequence[int]) -> None:
    """Delete calls."""
    tx.run(delete(archive_calls).where(archive_calls.c.id.in_(keys)))
