"""SQL of DKIM keys and their rotation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import and_, delete, func, insert, or_, select, update

from postwright.kernel.db import Read, Write

from ..tables import dkim_keys, dkim_rotations, domains

Row = sqlalchemy.Row[Any]


def add_key(tx: Write, values: Mapping[str, Any]) -> bool:
    """Add a key; False when its selector is in use."""
    return tx.upsert(dkim_keys, values, ["account_id", "authority", "selector"]) == 1


def signing_keys(tx: Read, domain_id: str, *, judged: bool) -> Sequence[Row]:
    """The active keys of a domain's authority.

    `judged`: without those that DNS does not show, if the domain was ever proven by DNS; of one that never was, the
    operator said that it may send.
    """
    joined = dkim_keys.join(
        domains,
        (domains.c.account_id == dkim_keys.c.account_id) & (domains.c.authority == dkim_keys.c.authority),
    )
    where = [domains.c.id == domain_id, dkim_keys.c.active.is_(True)]
    if judged:
        where.append(or_(dkim_keys.c.valid != "invalid", domains.c.proven_at == 0))
    return tx.rows(select(dkim_keys).select_from(joined).where(*where))


def keys(tx: Read, account_id: str, authority: str) -> Sequence[Row]:
    """All keys of an authority."""
    return tx.rows(
        select(dkim_keys)
        .where(dkim_keys.c.account_id == account_id, dkim_keys.c.authority == authority)
        .order_by(dkim_keys.c.selector)
    )


def key(tx: Read, account_id: str, authority: str, selector: str) -> Row | None:
    """One key."""
    return tx.row(
        select(dkim_keys).where(
            dkim_keys.c.account_id == account_id,
            dkim_keys.c.authority == authority,
            dkim_keys.c.selector == selector,
        )
    )


def keys_page(
    tx: Read,
    account_id: str,
    *,
    authority: str,
    selector: str,
    after: tuple[str, str] | None,
    backwards: bool,
    limit: int,
) -> list[Row]:
    """Keys of an account by authority and selector, behind (or, `backwards`, before) a pair of them."""
    at = (dkim_keys.c.authority, dkim_keys.c.selector)
    where = [dkim_keys.c.account_id == account_id]
    if authority:
        where.append(at[0] == authority)
    if selector:
        where.append(at[1] == selector)
    if after is not None and backwards:
        where.append(or_(at[0] < after[0], and_(at[0] == after[0], at[1] < after[1])))
    elif after is not None:
        where.append(or_(at[0] > after[0], and_(at[0] == after[0], at[1] > after[1])))
    order = [column.desc() for column in at] if backwards else list(at)
    rows = list(tx.rows(select(dkim_keys).where(*where).order_by(*order).limit(limit)))
    return rows[::-1] if backwards else rows


def set_key(tx: Write, key_id: str, values: Mapping[str, Any], *, published_at: int | None = None) -> bool:
    """Change columns of a key; not when it says something else since `published_at`."""
    stmt = update(dkim_keys).where(dkim_keys.c.id == key_id)
    if published_at is not None:
        stmt = stmt.where(dkim_keys.c.published_at == published_at)
    return tx.run(stmt.values(**values)) == 1


def delete_key(tx: Write, key_id: str) -> None:
    """Delete a key."""
    tx.run(delete(dkim_keys).where(dkim_keys.c.id == key_id))


def is_code(tx: Read, code: str) -> bool:
    """Whether a place in our zone is taken."""
    return tx.scalar(select(dkim_keys.c.id).where(dkim_keys.c.code == code).limit(1)) is not None


def drop_unused(tx: Write, account_id: str, authorities: Iterable[str]) -> None:
    """Delete the keys of those authorities that no domain of the account signs as, and which are none."""
    for authority in authorities:
        used = (domains.c.account_id == account_id) & (
            (domains.c.authority == authority) | (domains.c.name == authority)
        )
        if tx.scalar(select(func.count()).select_from(domains).where(used)) == 0:
            tx.run(
                delete(dkim_keys).where(
                    dkim_keys.c.account_id == account_id, dkim_keys.c.authority == authority
                )
            )


def zone(tx: Read, after: tuple[str, str], limit: int) -> Sequence[Row]:
    """Keys that lie in our zone, by code and selector."""
    at = (dkim_keys.c.code, dkim_keys.c.selector)
    return tx.rows(
        select(dkim_keys)
        .where(dkim_keys.c.code != "", or_(at[0] > after[0], and_(at[0] == after[0], at[1] > after[1])))
        .order_by(*at)
        .limit(limit)
    )


def in_zone(tx: Read, code: str, selector: str) -> str | None:
    """What our zone says about a key: the text of its record, or None."""
    found: str | None = tx.scalar(
        select(dkim_keys.c.public).where(dkim_keys.c.code == code, dkim_keys.c.selector == selector)
    )
    return found


def rotation(tx: Read, domain_id: str) -> Row | None:
    """How a domain's keys take turns."""
    return tx.row(select(dkim_rotations).where(dkim_rotations.c.domain_id == domain_id))


def add_rotation(tx: Write, values: Mapping[str, Any]) -> None:
    """Let a domain's keys take turns."""
    tx.run(insert(dkim_rotations).values(**values))


def set_rotation(tx: Write, domain_id: str, values: Mapping[str, Any], *, due_at: int | None = None) -> bool:
    """Change columns of a rotation; with `due_at`, only while it is due at that time."""
    stmt = update(dkim_rotations).where(dkim_rotations.c.domain_id == domain_id)
    if due_at is not None:
        stmt = stmt.where(dkim_rotations.c.due_at == due_at)
    return tx.run(stmt.values(**values)) == 1


def due_rotations(tx: Read, now: int, limit: int) -> Sequence[Row]:
    """Rotations that have something to do."""
    return tx.rows(
        select(dkim_rotations)
        .where(dkim_rotations.c.due_at <= now)
        .order_by(dkim_rotations.c.due_at)
        .limit(limit)
    )


def drop_rotation(tx: Write, domain_id: str) -> None:
    """Forget how a deleted domain's keys took turns."""
    tx.run(delete(dkim_rotations).where(dkim_rotations.c.domain_id == domain_id))
