"""SQL of messages."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from postwright.kernel.db import Prepared, Read, Write

from .tables import idempotency_keys, messages

_INSERT = Prepared(insert(messages), ("id", "account_id", "domain_id", "meta", "expires_at"))
_META = Prepared(
    select(messages.c.account_id, messages.c.domain_id, messages.c.meta).where(
        messages.c.id == bindparam("key")
    ),
    ("key",),
)


def insert_message(
    tx: Write, key: int, account_id: str, domain_id: str, meta: bytes, expires_at: int
) -> None:
    """Add one message."""
    tx.do(_INSERT, (key, account_id, domain_id, meta, expires_at))


def meta(tx: Read, key: int) -> tuple[str, str, bytes] | None:
    """Account, domain and description of a message, or None."""
    rows = tx.fetch(_META, (key,))
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


def expired(tx: Read, now: int, limit: int) -> Sequence[Any]:
    """Ids of messages past their time."""
    return tx.rows(
        select(messages.c.id).where(messages.c.expires_at < now).order_by(messages.c.expires_at).limit(limit)
    )


def of_domain(tx: Read, domain_id: str, limit: int) -> Sequence[Any]:
    """Ids of messages of a domain."""
    return tx.rows(select(messages.c.id).where(messages.c.domain_id == domain_id).limit(limit))


def keep_until(tx: Write, keys: Sequence[int], until: int) -> None:
    """Let messages expire later."""
    tx.run(update(messages).where(messages.c.id.in_(keys)).values(expires_at=until))


def described(tx: Read, keys: Sequence[int]) -> dict[int, bytes]:
    """The descriptions of messages, of those that are there."""
    rows = tx.rows(select(messages.c.id, messages.c.meta).where(messages.c.id.in_(keys)))
    return {row.id: row.meta for row in rows}


def remove(tx: Write, keys: Sequence[int]) -> None:
    """Delete messages."""
    tx.run(delete(messages).where(messages.c.id.in_(keys)))


def hold(tx: Write, key: int, until: int) -> None:
    """Put off the end of a message that would come before `until`."""
    tx.run(
        update(messages).where(messages.c.id == key, messages.c.expires_at < until).values(expires_at=until)
    )


def is_deleted(tx: Read, key: int) -> bool:
    """Whether its owner deleted a message."""
    return bool(tx.scalar(select(messages.c.deleted_at).where(messages.c.id == key)))


def delete_at(tx: Write, key: int, now: int, expires_at: int | None) -> None:
    """Hide a message; with `expires_at` it goes then at the latest."""
    tx.run(update(messages).where(messages.c.id == key).values(deleted_at=now))
    if expires_at is not None:
        sooner = update(messages).where(messages.c.id == key, messages.c.expires_at > expires_at)
        tx.run(sooner.values(expires_at=expires_at))


def claim_key(tx: Write, name: str, message_id: str, now: int, expires_at: int) -> str | None:
    """Let an idempotency key stand for `message_id`; the Message-Id that it stands for already, if it does.

    Who asks second waits for the first one's transaction.
    """
    tx.run(
        delete(idempotency_keys).where(idempotency_keys.c.name == name, idempotency_keys.c.expires_at <= now)
    )
    row = {"name": name, "message_id": message_id, "expires_at": expires_at}
    if tx.upsert(idempotency_keys, row, ["name"]):
        return None
    return str(tx.scalar(select(idempotency_keys.c.message_id).where(idempotency_keys.c.name == name)))


def expire_keys(tx: Write, now: int, limit: int) -> int:
    """Delete idempotency keys past their time."""
    old = select(idempotency_keys.c.name).where(idempotency_keys.c.expires_at <= now).limit(limit)
    return tx.run(delete(idempotency_keys).where(idempotency_keys.c.name.in_(old)))
