"""SQL of webhooks."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from postwright.accounts import accounts
from postwright.events import events_table as events
from postwright.kernel.db import Prepared, Read, Write

from .tables import DONE, GIVEN_UP, LEASED, QUEUED, webhook_calls, webhook_types, webhooks

_JOINED = webhooks.join(webhook_types, webhook_types.c.webhook_id == webhooks.c.id)


def hooks(tx: Read, account_id: str, domain_id: str) -> Sequence[Any]:
    """All hooks of one level with their types, oldest first."""
    return tx.rows(
        select(webhooks, webhook_types.c.event_type)
        .select_from(_JOINED)
        .where(webhooks.c.account_id == account_id, webhooks.c.domain_id == domain_id)
        .order_by(webhooks.c.created_at, webhooks.c.id, webhook_types.c.event_type)
    )


def hook_by_url(tx: Read, account_id: str, domain_id: str, url: str) -> str | None:
    """The id of the hook for a URL on one level."""
    found: str | None = tx.scalar(
        select(webhooks.c.id).where(
            webhooks.c.account_id == account_id, webhooks.c.domain_id == domain_id, webhooks.c.url == url
        )
    )
    return found


def add_hook(tx: Write, values: Mapping[str, Any]) -> None:
    """Add a hook."""
    tx.run(insert(webhooks).values(**values))


def set_hook(tx: Write, hook_id: str, values: Mapping[str, Any]) -> None:
    """Change a hook."""
    tx.run(update(webhooks).where(webhooks.c.id == hook_id).values(**values))


def add_type(tx: Write, hook_id: str, event_type: str) -> None:
    """Let a hook be told of a type."""
    tx.upsert(webhook_types, {"webhook_id": hook_id, "event_type": event_type}, ["webhook_id", "event_type"])


def remove_types(tx: Write, hook_id: str, types: Sequence[str] | None = None) -> None:
    """Let a hook not be told of types (None: of any); a hook without types goes."""
    stmt = delete(webhook_types).where(webhook_types.c.webhook_id == hook_id)
    tx.run(stmt if types is None else stmt.where(webhook_types.c.event_type.in_(types)))
    left = select(webhook_types.c.webhook_id).where(webhook_types.c.webhook_id == hook_id)
    tx.run(delete(webhooks).where(webhooks.c.id == hook_id, ~left.exists()))


def domain_hook_ids(tx: Read, domain_id: str) -> list[str]:
    """The ids of all hooks of a domain."""
    return [row.id for row in tx.rows(select(webhooks.c.id).where(webhooks.c.domain_id == domain_id))]


def lock_level(tx: Write, account_id: str) -> None:
    """Serialise changes to an account's hooks, so that limits hold."""
    tx.run(update(accounts).where(accounts.c.id == account_id).values(updated_at=accounts.c.updated_at))


def any_hook(tx: Read) -> bool:
    """Whether anybody wants to be told of anything."""
    return tx.scalar(select(webhooks.c.id).limit(1)) is not None


def parents(tx: Read, account_ids: Sequence[str]) -> dict[str, str]:
    """The parent of each subaccount among the accounts."""
    rows = tx.rows(
        select(accounts.c.id, accounts.c.parent_id).where(
            accounts.c.id.in_(account_ids), accounts.c.parent_id.is_not(None)
        )
    )
    return {row.id: row.parent_id for row in rows}


def hooks_of_accounts(tx: Read, account_ids: Sequence[str]) -> Sequence[Any]:
    """Account, domain ("" for the account's own), type and URL of all hooks of some accounts."""
    return tx.rows(
        select(webhooks.c.account_id, webhooks.c.domain_id, webhook_types.c.event_type, webhooks.c.url)
        .select_from(_JOINED)
        .where(webhooks.c.account_id.in_(account_ids))
        .order_by(webhooks.c.created_at, webhooks.c.id)
    )


_INSERT_CALL = Prepared(
    insert(webhook_calls),
    (
        "account_id",
        "domain_id",
        "event_seq",
        "event_type",
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


def add_calls(tx: Write, now: int, calls: Sequence[tuple[str, str, int, str, str]]) -> None:
    """Add calls: account, domain, event's number, type, URL."""
    tx.do_many(_INSERT_CALL, [(*call, 0, 0, now, 0, "", 0, "", now, 0) for call in calls])


_ANY_DUE = Prepared(
    select(webhook_calls.c.id)
    .where(webhook_calls.c.state == QUEUED, webhook_calls.c.due_at <= bindparam("now"))
    .limit(1),
    ("now",),
)
_DUE = (
    select(webhook_calls.c.id)
    .where(webhook_calls.c.state == QUEUED, webhook_calls.c.due_at <= bindparam("now"))
    .order_by(webhook_calls.c.due_at)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
_CLAIM = Prepared(
    update(webhook_calls)
    .where(webhook_calls.c.id.in_(_DUE))
    .values(state=LEASED, lease_until=bindparam("until"), lease_token=bindparam("token"))
    .returning(
        webhook_calls.c.id,
        webhook_calls.c.account_id,
        webhook_calls.c.domain_id,
        webhook_calls.c.event_seq,
        webhook_calls.c.event_type,
        webhook_calls.c.url,
        webhook_calls.c.attempts,
        webhook_calls.c.lease_token,
    ),
    ("until", "token", "now", "count"),
)


def backlog(tx: Read) -> int:
    """How many calls wait or are being made."""
    return sum(
        int(tx.scalar(select(func.count()).where(webhook_calls.c.state == state)))
        for state in (QUEUED, LEASED)
    )


def any_due(tx: Read, now: int) -> bool:
    """Whether a call is due."""
    return bool(tx.fetch(_ANY_DUE, (now,)))


def claim(tx: Write, now: int, until: int, token: str, count: int) -> list[tuple[Any, ...]]:
    """Lease due calls."""
    return tx.fetch(_CLAIM, (until, token, now, count))


def event(tx: Read, seq: int) -> bytes | None:
    """The JSON of an event."""
    data: bytes | None = tx.scalar(select(events.c.data).where(events.c.seq == seq))
    return data


def is_wanted(tx: Read, account_ids: Sequence[str], domain_id: str, event_type: str, url: str) -> bool:
    """Whether any level still names the URL for the type."""
    found = tx.scalar(
        select(webhooks.c.id)
        .select_from(_JOINED)
        .where(
            webhooks.c.account_id.in_(account_ids),
            or_(webhooks.c.domain_id == "", webhooks.c.domain_id == domain_id),
            webhooks.c.url == url,
            webhook_types.c.event_type == event_type,
        )
    )
    return found is not None


def end(tx: Write, key: int, token: str, now: int, status: int, error: str, *, done: bool) -> bool:
    """Finish a leased call."""
    return _set(
        tx,
        key,
        token,
        state=DONE if done else GIVEN_UP,
        last_status=status,
        last_error=error,
        finished_at=now,
    )


def again(tx: Write, key: int, token: str, due: int, attempts: int, status: int, error: str) -> bool:
    """Return a leased call to the queue."""
    return _set(
        tx, key, token, state=QUEUED, due_at=due, attempts=attempts, last_status=status, last_error=error
    )


def postpone(tx: Write, calls: Sequence[tuple[int, str, int]]) -> None:
    """Return leased calls (id, token, when they are due) that were not tried."""
    for key, token, due in calls:
        _set(tx, key, token, state=QUEUED, due_at=due)


def _set(tx: Write, key: int, token: str, **values: Any) -> bool:
    mine = (
        webhook_calls.c.id == key,
        webhook_calls.c.lease_token == token,
        webhook_calls.c.state == LEASED,
    )
    return tx.run(update(webhook_calls).where(*mine).values(lease_token="", **values)) == 1


def recover(tx: Write, ended_before: int, due: int) -> int:
    """Return calls whose lease ended."""
    return tx.run(
        update(webhook_calls)
        .where(webhook_calls.c.state == LEASED, webhook_calls.c.lease_until < ended_before)
        .values(state=QUEUED, due_at=due, lease_token="")
    )


def expire(tx: Write, before: int, limit: int) -> int:
    """Delete calls that ended before a time."""
    old = (
        select(webhook_calls.c.id)
        .where(webhook_calls.c.finished_at > 0, webhook_calls.c.finished_at < before)
        .limit(limit)
    )
    return tx.run(delete(webhook_calls).where(webhook_calls.c.id.in_(old)))


def forget_calls(tx: Write, domain_id: str) -> int:
    """Delete some of the calls of a domain; how many."""
    return tx.delete_some(webhook_calls, webhook_calls.c.domain_id == domain_id)
