"""SQL of alerts under way."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from postwright.kernel.db import Read, Write

from ..tables import DONE, GIVEN_UP, LEASED, QUEUED, alert_calls

_CALL = tuple(
    alert_calls.c[name]
    for name in ("id", "account_id", "setting_id", "channel", "target", "data", "attempts", "lease_token")
)


def add(tx: Write, rows: Sequence[Mapping[str, Any]], now: int) -> None:
    """Add calls that are due now."""
    fresh = {
        "state": 0,
        "attempts": 0,
        "due_at": now,
        "lease_until": 0,
        "lease_token": "",
        "last_error": "",
        "created_at": now,
        "finished_at": 0,
    }
    if rows:
        tx.run(insert(alert_calls), [{**row, **fresh} for row in rows])


def any_due(tx: Read, now: int) -> bool:
    """Whether a call is due."""
    due = (alert_calls.c.state == QUEUED, alert_calls.c.due_at <= now)
    return tx.scalar(select(alert_calls.c.id).where(*due).limit(1)) is not None


def claim(tx: Write, now: int, until: int, token: str, count: int) -> Sequence[Any]:
    """Lease due calls."""
    due = (
        select(alert_calls.c.id)
        .where(alert_calls.c.state == QUEUED, alert_calls.c.due_at <= now)
        .order_by(alert_calls.c.due_at)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    return tx.rows(
        update(alert_calls)
        .where(alert_calls.c.id.in_(due))
        .values(state=LEASED, lease_until=until, lease_token=token)
        .returning(*_CALL)
    )


def end(tx: Write, key: int, token: str, now: int, error: str, *, done: bool) -> bool:
    """Finish a leased call; False when the lease is not ours any more."""
    return _set(tx, key, token, state=DONE if done else GIVEN_UP, last_error=error, finished_at=now)


def again(tx: Write, key: int, token: str, due: int, attempts: int, error: str) -> bool:
    """Return a leased call to the queue."""
    return _set(tx, key, token, state=QUEUED, due_at=due, attempts=attempts, last_error=error)


def postpone(tx: Write, calls: Sequence[tuple[int, str, int]]) -> None:
    """Return leased calls (id, token, when they are due) that were not tried."""
    for key, token, due in calls:
        _set(tx, key, token, state=QUEUED, due_at=due)


def _set(tx: Write, key: int, token: str, **values: Any) -> bool:
    mine = (alert_calls.c.id == key, alert_calls.c.lease_token == token, alert_calls.c.state == LEASED)
    return tx.run(update(alert_calls).where(*mine).values(lease_token="", **values)) == 1


def recover(tx: Write, ended_before: int, due: int) -> int:
    """Return calls whose lease ended."""
    ended = (alert_calls.c.state == LEASED, alert_calls.c.lease_until < ended_before)
    return tx.run(update(alert_calls).where(*ended).values(state=QUEUED, due_at=due, lease_token=""))


def expire(tx: Write, before: int, limit: int) -> int:
    """Delete calls that ended before a time."""
    ended = (alert_calls.c.finished_at > 0, alert_calls.c.finished_at < before)
    old = select(alert_calls.c.id).where(*ended).limit(limit)
    return tx.run(delete(alert_calls).where(alert_calls.c.id.in_(old)))
