"""SQL of tracking."""

from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from postwright.kernel.db import Prepared, Read, Write

from .tables import engagements, tracking_journals

_KEY = (
    engagements.c.domain_id == bindparam("domain"),
    engagements.c.message_id == bindparam("message"),
    engagements.c.recipient == bindparam("who"),
)
_ENGAGED = Prepared(
    select(
        engagements.c.name,
        engagements.c.bot,
        engagements.c.unique_at,
        engagements.c.last_at,
        engagements.c.recent,
    ).where(*_KEY),
    ("domain", "message", "who"),
)
_INSERT = Prepared(
    insert(engagements),
    ("domain_id", "message_id", "recipient", "name", "bot", "unique_at", "last_at", "recent"),
)
_UPDATE = Prepared(
    update(engagements)
    .where(*_KEY, engagements.c.name == bindparam("what"), engagements.c.bot == bindparam("by"))
    .values(unique_at=bindparam("first"), last_at=bindparam("last"), recent=bindparam("links")),
    ("domain", "message", "who", "what", "by", "first", "last", "links"),
)


_MOVE = Prepared(
    update(tracking_journals)
    .where(tracking_journals.c.name == bindparam("journal"))
    .values(position=bindparam("place")),
    ("place", "journal"),
)


def engaged(tx: Read, domain_id: str, message_id: str, recipient: str) -> list[tuple[Any, ...]]:
    """What is remembered of a recipient's earlier hits on a message."""
    return tx.fetch(_ENGAGED, (domain_id, message_id, recipient))


def remember(
    tx: Write, key: tuple[str, str, str, str, str], unique_at: int, last_at: int, recent: str, *, known: bool
) -> None:
    """Remember a hit. The caller holds the event log, so that nobody else adds the same row."""
    if known:
        tx.do(_UPDATE, (*key, unique_at, last_at, recent))
    else:
        tx.do(_INSERT, (*key, unique_at, last_at, recent))


def forget_before(tx: Write, before: int, limit: int) -> int:
    """Delete rows without a hit since `before`."""
    old = select(engagements.c.domain_id, engagements.c.message_id, engagements.c.recipient).where(
        engagements.c.last_at < before
    )
    rows = tx.rows(old.limit(limit))
    for row in rows:
        tx.run(
            delete(engagements).where(
                engagements.c.domain_id == row.domain_id,
                engagements.c.message_id == row.message_id,
                engagements.c.recipient == row.recipient,
                engagements.c.last_at < before,
            )
        )
    return len(rows)


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some rows of a domain; how many."""
    return tx.delete_some(engagements, engagements.c.domain_id == domain_id)


def position(tx: Read, name: str) -> int:
    """How far a journal is told."""
    found: int | None = tx.scalar(
        select(tracking_journals.c.position).where(tracking_journals.c.name == name)
    )
    return found or 0


def set_position(tx: Write, name: str, position: int) -> None:
    """Note how far a journal is told."""
    if not tx.do(_MOVE, (position, name)):  # once for each batch of hits: the cheap way first
        tx.run(insert(tracking_journals).values(name=name, position=position))


def drop_journal(tx: Write, name: str) -> None:
    """Forget a journal that is gone."""
    tx.run(delete(tracking_journals).where(tracking_journals.c.name == name))
