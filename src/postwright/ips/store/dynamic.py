"""SQL of dynamic pools."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, literal, or_, select, tuple_, update

from postwright.accounts import accounts
from postwright.domains import domains_table as domains
from postwright.kernel.db import Read, Write

from ..tables import dynamic_domains, dynamic_history

FIGURES = ("bounce_rate", "complaint_rate", "processed_count")


def one(tx: Read, domain_id: str) -> Any:
    """An enrolled domain, or None."""
    return tx.row(select(dynamic_domains).where(dynamic_domains.c.domain_id == domain_id))


def locked(tx: Write, domain_id: str) -> Any:
    """The same, and nobody else changes it until commit."""
    return tx.row(select(dynamic_domains).where(dynamic_domains.c.domain_id == domain_id).with_for_update())


def enrol(tx: Write, values: Mapping[str, Any]) -> bool:
    """Add a domain; False when it is enrolled already."""
    return tx.upsert(dynamic_domains, values, ["domain_id"]) == 1


def change(tx: Write, domain_id: str, values: Mapping[str, Any]) -> None:
    """Change an enrolled domain."""
    tx.run(update(dynamic_domains).where(dynamic_domains.c.domain_id == domain_id).values(**values))


def checked(tx: Write, row: Any, values: Mapping[str, Any]) -> bool:
    """Keep what a check of a domain found. False: it changed since `row` was read."""
    table = dynamic_domains.c
    same = (
        table.domain_id == row.domain_id,
        table.checked_at == row.checked_at,
        table.band == row.band,
        table.override.is_(False),
    )
    return tx.run(update(dynamic_domains).where(*same).values(**values)) == 1


def leave(tx: Write, domain_id: str) -> bool:
    """Take a domain out; False when it was not enrolled."""
    return tx.run(delete(dynamic_domains).where(dynamic_domains.c.domain_id == domain_id)) == 1


def enrolled(tx: Read, owner_id: str) -> bool:
    """Whether any domain is in an account's pools."""
    return tx.scalar(select(literal(1)).where(dynamic_domains.c.owner_id == owner_id).limit(1)) is not None


def due(tx: Read, before: int, limit: int) -> list[Any]:
    """Domains whose pool is ours to choose, not checked since a time."""
    where = (dynamic_domains.c.checked_at <= before, dynamic_domains.c.override.is_(False))
    return list(
        tx.rows(select(dynamic_domains).where(*where).order_by(dynamic_domains.c.checked_at).limit(limit))
    )


def note(tx: Write, values: Mapping[str, Any]) -> None:
    """Add to the history."""
    tx.run(insert(dynamic_history).values(**values))


def forget_domain(tx: Write, domain_id: str) -> int:
    """Nothing is left of a deleted domain; how much there was."""
    gone = tx.run(delete(dynamic_history).where(dynamic_history.c.domain_id == domain_id))
    return gone + int(leave(tx, domain_id))


def expire(tx: Write, before: int) -> int:
    """Forget moves older than a time."""
    return tx.run(delete(dynamic_history).where(dynamic_history.c.at < before))


# -- lists


def page(
    tx: Read,
    owner_id: str,
    *,
    accounts_of: Sequence[str],
    bands: Sequence[str],
    sort: tuple[str, bool],
    after: tuple[Any, str] | None,
    backwards: bool,
    limit: int,
) -> tuple[int, list[Any]]:
    """How many enrolled domains there are, and those behind (or before) a key: sort value and id.

    `sort`: `name` or a rate, and whether descending. No rate counts as less than any.
    """
    key = domains.c.name if sort[0] == "name" else func.coalesce(dynamic_domains.c[sort[0]], -1.0)
    where: list[ColumnElement[bool]] = [dynamic_domains.c.owner_id == owner_id]
    if accounts_of:
        where.append(dynamic_domains.c.account_id.in_(accounts_of))
    if bands:
        where.append(dynamic_domains.c.band.in_(bands))
    joined = dynamic_domains.join(domains, domains.c.id == dynamic_domains.c.domain_id)
    total = tx.scalar(select(func.count()).select_from(joined).where(*where))
    named = joined.outerjoin(accounts, accounts.c.id == dynamic_domains.c.account_id)
    stmt = select(
        dynamic_domains, domains.c.name, accounts.c.name.label("account_name"), key.label("key")
    ).select_from(named)
    keys = (key, dynamic_domains.c.domain_id)
    return total, _page(tx, stmt.where(*where), keys, after, sort[1], backwards, limit)


def _page(
    tx: Read,
    stmt: Select[Any],
    keys: Sequence[ColumnElement[Any]],
    after: Sequence[Any] | None,
    descending: bool,
    backwards: bool,
    limit: int,
) -> list[Any]:
    down = descending != backwards
    if after is not None:
        mark = tuple_(*(literal(value) for value in after))
        stmt = stmt.where(tuple_(*keys) < mark if down else tuple_(*keys) > mark)
    rows = list(tx.rows(stmt.order_by(*(key.desc() if down else key for key in keys)).limit(limit)))
    return rows[::-1] if backwards else rows


def history(
    tx: Read,
    owner_id: str,
    *,
    account_id: str = "",
    domain_id: str = "",
    domain: str = "",
    since: int | None = None,
    until: int | None = None,
    moved_to: str = "",
    moved_from: str = "",
    after: tuple[int, str] | None = None,
    backwards: bool = False,
    limit: int,
) -> tuple[int, list[Any]]:
    """How many moves there are that fit, and those behind (or before) a key: time and id; the newest first."""
    table = dynamic_history.c
    given = (
        (table.account_id, account_id),
        (table.domain_id, domain_id),
        (domains.c.name, domain),
        (table.new_band, moved_to),
        (table.prev_band, moved_from),
    )
    where = [table.owner_id == owner_id, *(column == value for column, value in given if value)]
    if since is not None:
        where.append(table.at > since)
    if until is not None:
        where.append(table.at < until)
    joined = dynamic_history.outerjoin(domains, domains.c.id == table.domain_id)
    total = tx.scalar(select(func.count()).select_from(joined).where(*where))
    named = joined.outerjoin(accounts, accounts.c.id == table.account_id)
    stmt = select(
        dynamic_history, domains.c.name.label("domain_name"), accounts.c.name.label("account_name")
    ).select_from(named)
    return total, _page(tx, stmt.where(*where), (table.at, table.id), after, True, backwards, limit)


def family(owner_id: str, *, subaccounts: bool = True) -> ColumnElement[bool]:
    """Domains of an account, or of its subaccounts too."""
    own = domains.c.account_id == owner_id
    kids = select(accounts.c.id).where(accounts.c.parent_id == owner_id)
    return or_(own, domains.c.account_id.in_(kids)) if subaccounts else own


def outside(tx: Read, where: ColumnElement[bool], after: str, limit: int) -> list[Any]:
    """Id, name and account of domains that are not enrolled, behind an id."""
    inside = select(literal(1)).where(dynamic_domains.c.domain_id == domains.c.id).exists()
    stmt = select(domains.c.id, domains.c.name, domains.c.account_id).where(
        where, ~inside, domains.c.id > after
    )
    return list(tx.rows(stmt.order_by(domains.c.id).limit(limit)))
