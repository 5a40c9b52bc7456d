"""SQL of forwards."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy
from sqlalchemy import bindparam, delete, select

from postwright.kernel.db import Prepared, Read, Write
from postwright.kernel.http.paging import Turn

from .tables import forwards

Row = sqlalchemy.Row[Any]

_ANY = Prepared(
    select(forwards.c.id).where(forwards.c.domain_id == bindparam("domain")).limit(1), ("domain",)
)
_COLUMNS = ("match", "match_key", "domain_id", "domain_name", "targets", "updated_at")


def one(tx: Read, account_id: str, rule_id: str) -> Row | None:
    """One rule."""
    return tx.row(select(forwards).where(forwards.c.account_id == account_id, forwards.c.id == rule_id))


def put(tx: Write, rule: msgspec.Struct, key: str) -> None:
    """Add a rule, or change it."""
    values = msgspec.structs.asdict(rule) | {"match_key": key}
    values["targets"] = msgspec.json.encode(values["targets"])
    tx.upsert(forwards, values, ["id"], _COLUMNS)


def count_up(tx: Read, domain_id: str, most: int) -> bool:
    """Whether a domain has room for one more rule: looks at no more than the last place."""
    last = select(forwards.c.id).where(forwards.c.domain_id == domain_id).offset(most - 1).limit(1)
    return tx.scalar(last) is None


def remove(tx: Write, account_id: str, rule_id: str) -> None:
    """Delete a rule."""
    tx.run(delete(forwards).where(forwards.c.account_id == account_id, forwards.c.id == rule_id))


def page(tx: Read, account_id: str, domain_id: str, turn: Turn) -> Sequence[Row]:
    """Some rules of an account, or of a domain, by id."""
    where: list[Any] = [forwards.c.account_id == account_id]
    if domain_id:
        where.append(forwards.c.domain_id == domain_id)
    if turn.pivot is not None:
        where.append(forwards.c.id < turn.pivot if turn.backwards else forwards.c.id > turn.pivot)
    order = forwards.c.id.desc() if turn.backwards else forwards.c.id
    return tx.rows(select(forwards).where(*where).order_by(order).limit(turn.limit))


def any_of(tx: Read, domain_id: str) -> bool:
    """Whether a domain has any rule; cheap."""
    return bool(tx.fetch(_ANY, (domain_id,)))


def candidates(tx: Read, domain_id: str, keys: Sequence[str], limit: int) -> list[Row]:
    """Rules of a domain filed under any of the keys, oldest first."""
    stmt = select(forwards).where(forwards.c.domain_id == domain_id, forwards.c.match_key.in_(keys))
    # Sorted here: told to give them in order of the id, SQLite reads all rules of the domain in that order.
    return sorted(tx.rows(stmt.limit(limit)), key=lambda row: str(row.id))


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some of the rules of a domain; how many."""
    return tx.delete_some(forwards, forwards.c.domain_id == domain_id)


def forget_account(tx: Write, account_id: str) -> None:
    """Delete the rules of an account."""
    tx.run(delete(forwards).where(forwards.c.account_id == account_id))
