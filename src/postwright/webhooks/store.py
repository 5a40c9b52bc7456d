"""SQL of webhooks."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from postwright.accounts import accounts
from postwright.events import events_table as events
from postwright.kernel.db import Read, Write
from postwright.kernel.db.calls import Calls

from .tables import webhook_calls, webhook_types, webhooks

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


calls = Calls(
    webhook_calls,
    ("id", "account_id", "domain_id", "event_seq", "event_type", "url", "attempts", "lease_token"),
)


def calls_about(tx: Read, seqs: Sequence[int], limit: int) -> Sequence[Any]:
    """Calls that tell of any of the events, oldest first."""
    about = webhook_calls.c.event_seq.in_(seqs)
    return tx.rows(select(webhook_calls).where(about).order_by(webhook_calls.c.id).limit(limit))


def calls_of(
    tx: Read,
    account_id: str,
    exact: Mapping[str, Any],
    *,
    low: int | None = None,
    high: int | None = None,
    before: int | None = None,
    after: int | None = None,
    limit: int,
) -> Sequence[Any]:
    """Up to `limit` calls of an account: the newest below number `before`, or the oldest above `after`."""
    table = webhook_calls
    stmt = select(table).where(*_of(account_id, exact, low, high))
    if before is not None:
        stmt = stmt.where(table.c.id < before)
    if after is not None:
        return tx.rows(stmt.where(table.c.id > after).order_by(table.c.id).limit(limit))
    return tx.rows(stmt.order_by(table.c.id.desc()).limit(limit))


def count_calls(
    tx: Read, account_id: str, exact: Mapping[str, Any], low: int | None, high: int | None, most: int
) -> int:
    """How many calls of an account there are, up to `most`."""
    some = select(webhook_calls.c.id).where(*_of(account_id, exact, low, high)).limit(most).subquery()
    return int(tx.scalar(select(func.count()).select_from(some)))


def _of(
    account_id: str, exact: Mapping[str, Any], low: int | None, high: int | None
) -> list[ColumnElement[bool]]:
    table = webhook_calls
    wanted = [table.c.account_id == account_id, *(table.c[name] == value for name, value in exact.items())]
    if low is not None:
        wanted.append(table.c.created_at >= low)
    if high is not None:
        wanted.append(table.c.created_at <= high)
    return wanted


def call(tx: Read, account_id: str, number: int) -> Any:
    """One call of an account; None when it has none of that number."""
    table = webhook_calls
    return tx.row(select(table).where(table.c.account_id == account_id, table.c.id == number))


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
