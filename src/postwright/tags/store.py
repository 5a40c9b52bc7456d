"""SQL of tags."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, or_, select, update

from postwright.accounts import accounts
from postwright.kernel.db import Prepared, Read, Write
from postwright.kernel.http.paging import Turn

from .records import Tag
from .tables import tags

_CHUNK = 500  # values of one IN: databases bound the parameters of a statement

_SEEN = Prepared(
    update(tags)
    .where(
        tags.c.account_id == bindparam("account"),
        tags.c.domain_id == bindparam("domain"),
        tags.c.key == bindparam("tag_key"),
        tags.c.last_seen < bindparam("at"),
    )
    .values(last_seen=bindparam("at")),
    ("account", "domain", "tag_key", "at"),
)
_TAG = (tags.c.tag, tags.c.description, tags.c.first_seen, tags.c.last_seen, tags.c.account_id)


def _mine(account_id: str, domain_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return tags.c.account_id == account_id, tags.c.domain_id == domain_id


def _tag(row: Sequence[Any]) -> Tag:
    tag, description, first_seen, last_seen, account_id = row
    return Tag(tag, description, first_seen, last_seen, account_id)


def known(tx: Read, account_id: str, domain_id: str, keys: Sequence[str]) -> set[str]:
    """Which of the keys are there."""
    found: set[str] = set()
    for chunk in _chunks(keys):
        stmt = select(tags.c.key).where(*_mine(account_id, domain_id), tags.c.key.in_(chunk))
        found.update(row.key for row in tx.rows(stmt))
    return found


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[at : at + _CHUNK] for at in range(0, len(keys), _CHUNK))


def seen(tx: Write, rows: Sequence[tuple[str, str, str, int]]) -> None:
    """Note when tags (account, domain, key) were last seen."""
    tx.do_many(_SEEN, rows)


def insert(tx: Write, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add tags."""
    for at in range(0, len(rows), _CHUNK):
        tx.upsert(tags, rows[at : at + _CHUNK], ["account_id", "domain_id", "key"])


def count(tx: Read, account_id: str, domain_id: str) -> int:
    """How many tags there are."""
    return int(tx.scalar(select(func.count()).select_from(tags).where(*_mine(account_id, domain_id))))


def find(tx: Read, account_id: str, domain_id: str, key: str) -> Tag | None:
    """One tag."""
    row = tx.row(select(*_TAG).where(*_mine(account_id, domain_id), tags.c.key == key))
    return _tag(row) if row else None


def page(tx: Read, account_id: str, domain_id: str, turn: Turn, prefix: str) -> list[Tag]:
    """A page of tags by their letters."""
    where = list(_mine(account_id, domain_id))
    if prefix:
        where.append(tags.c.key.startswith(prefix, autoescape=True))
    if turn.pivot is not None:
        where.append(tags.c.key < turn.pivot if turn.backwards else tags.c.key > turn.pivot)
    order = tags.c.key.desc() if turn.backwards else tags.c.key
    rows = tx.rows(select(*_TAG).where(*where).order_by(order).limit(turn.limit))
    return [_tag(row) for row in turn.in_order(rows)]


def search(
    tx: Read,
    account_ids: Sequence[str],
    prefix: str,
    sort: str,
    skip: int,
    limit: int,
    *,
    descending: bool,
) -> list[Tag]:
    """Tags of accounts, sorted by a column."""
    column = tags.c[sort]
    order = (column.desc() if descending else column, tags.c.key, tags.c.account_id)
    where = _matching(account_ids, prefix)
    return [
        _tag(row) for row in tx.rows(select(*_TAG).where(*where).order_by(*order).offset(skip).limit(limit))
    ]


def matches(tx: Read, account_ids: Sequence[str], prefix: str) -> int:
    """How many tags a search finds."""
    return int(tx.scalar(select(func.count()).select_from(tags).where(*_matching(account_ids, prefix))))


def _matching(account_ids: Sequence[str], prefix: str) -> list[ColumnElement[bool]]:
    where = [tags.c.account_id.in_(account_ids), tags.c.domain_id == ""]
    if prefix:
        where.append(tags.c.key.startswith(prefix, autoescape=True))
    return where


def set_description(tx: Write, account_id: str, domain_id: str, key: str, description: str) -> bool:
    """Describe a tag; False when it is not there."""
    stmt = update(tags).where(*_mine(account_id, domain_id), tags.c.key == key)
    return tx.run(stmt.values(description=description)) == 1


def remove(tx: Write, account_id: str, key: str, domain_id: str | None = None) -> bool:
    """Delete a tag of a domain, or of an account and all its domains; False when it was not there."""
    where = [tags.c.account_id == account_id, tags.c.key == key]
    if domain_id is not None:
        where.append(tags.c.domain_id == domain_id)
    return tx.run(delete(tags).where(*where)) > 0


def elsewhere(tx: Read, account_id: str, key: str) -> bool:
    """Whether a domain of the account has the tag."""
    stmt = select(tags.c.key).where(
        tags.c.account_id == account_id, tags.c.key == key, tags.c.domain_id != ""
    )
    return tx.scalar(stmt.limit(1)) is not None


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some of the tags of a domain; how many."""
    return tx.delete_some(tags, tags.c.domain_id == domain_id)


def family(tx: Read, account_id: str, *, children: bool) -> list[tuple[str, str, str]]:
    """Id, parent ("" for none) and name of an account, and of its subaccounts when they are wanted."""
    mine = accounts.c.id == account_id
    stmt = select(accounts.c.id, accounts.c.parent_id, accounts.c.name)
    stmt = stmt.where(or_(mine, accounts.c.parent_id == account_id) if children else mine)
    return [(row.id, row.parent_id or "", row.name) for row in tx.rows(stmt.order_by(accounts.c.id))]
