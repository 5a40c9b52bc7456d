"""SQL of calls that tell of received mail."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from postwright.accounts import accounts
from postwright.kernel.db import Prepared, Read, Write

from .tables import DONE, GIVEN_UP, LEASED, QUEUED, inbound_calls

_INSERT = Prepared(
    insert(inbound_calls),
    (
        "account_id",
        "domain_id",
        "message",
        "recipient",
        "kind",
        "url",
        "state",
        "attempts",
        "due_at",
        "lease_until",
        "lease_token",
        "last_status",
        "last_error",
        "created_at",
        "finished_at",
    ),
)
_ANY_DUE = Prepared(
    select(inbound_calls.c.id)
    .where(inbound_calls.c.state == QUEUED, inbound_calls.c.due_at <= bindparam("now"))
    .limit(1),
    ("now",),
)
_DUE = (
    select(inbound_calls.c.id)
    .where(inbound_calls.c.state == QUEUED, inbound_calls.c.due_at <= bindparam("now"))
    .order_by(inbound_calls.c.due_at)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
_CLAIM = Prepared(
    update(inbound_calls)
    .where(inbound_calls.c.id.in_(_DUE))
    .values(state=LEASED, lease_until=bindparam("until"), lease_token=bindparam("token"))
    .returning(
        inbound_calls.c.id,
        inbound_calls.c.account_id,
        inbound_calls.c.domain_id,
        inbound_calls.c.message,
        inbound_calls.c.recipient,
        inbound_calls.c.kind,
        inbound_calls.c.url,
        inbound_calls.c.attempts,
        inbound_calls.c.created_at,
        inbound_calls.c.lease_token,
    ),
    ("until", "token", "now", "count"),
)


def add(tx: Write, now: int, calls: Sequence[tuple[str, str, int, str, str, str]]) -> None:
    """Add calls, due now: account, domain, message, recipient, kind, URL."""
    tx.do_many(_INSERT, [(*call, 0, 0, now, 0, "", 0, "", now, 0) for call in calls])


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
        inbound_calls.c.id == key,
        inbound_calls.c.lease_token == token,
        inbound_calls.c.state == LEASED,
    )
    return tx.run(update(inbound_calls).where(*mine).values(lease_token="", **values)) == 1


def recover(tx: Write, ended_before: int, due: int) -> int:
    """Return calls whose lease ended."""
    return tx.run(
        update(inbound_calls)
        .where(inbound_calls.c.state == LEASED, inbound_calls.c.lease_until < ended_before)
        .values(state=QUEUED, due_at=due, lease_token="")
    )


def expire(tx: Write, before: int, limit: int) -> int:
    """Delete calls that ended before a time."""
    old = (
        select(inbound_calls.c.id)
        .where(inbound_calls.c.finished_at > 0, inbound_calls.c.finished_at < before)
        .limit(limit)
    )
    return tx.run(delete(inbound_calls).where(inbound_calls.c.id.in_(old)))


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some of a domain's calls; how many."""
    return tx.delete_some(inbound_calls, inbound_calls.c.domain_id == domain_id)


def parent(tx: Read, account_id: str) -> str | None:
    """The parent of a subaccount."""
    found: str | None = tx.scalar(select(accounts.c.parent_id).where(accounts.c.id == account_id))
    return found
