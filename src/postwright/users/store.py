"""SQL of people and of the links that were mailed to them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, delete, func, insert, select, update

from postwright.accounts import Role
from postwright.kernel.db import Read, Write

from .records import Secrets, User
from .tables import user_links, users

_USER = tuple(users.c[name] for name in User.__struct_fields__)


def add(tx: Write, values: Mapping[str, Any]) -> bool:
    """Add a user; False when the address is taken."""
    return tx.upsert(users, values, ["email"]) == 1


def get(tx: Read, account_id: str, user_id: str) -> User | None:
    """A user of an account."""
    return _one(tx, select(*_USER).where(users.c.account_id == account_id, users.c.id == user_id))


def by_email(tx: Read, email: str) -> User | None:
    """Whoever signs in with an address (lower case)."""
    return _one(tx, select(*_USER).where(users.c.email == email))


def master(tx: Read, account_id: str) -> User | None:
    """The owner of an account."""
    return _one(tx, select(*_USER).where(users.c.account_id == account_id, users.c.is_master.is_(True)))


def page(tx: Read, account_id: str, role: str, limit: int, skip: int) -> tuple[list[User], int]:
    """Users of an account, oldest first, and how many there are."""
    mine = [users.c.account_id == account_id]
    if role:
        mine.append(users.c.role == role)
    count = int(tx.scalar(select(func.count()).select_from(users).where(*mine)))
    stmt = select(*_USER).where(*mine).order_by(users.c.created_at, users.c.id).limit(limit).offset(skip)
    return [_user(row) for row in tx.rows(stmt)], count


def count_admins(tx: Read, account_id: str) -> int:
    """How many users may administer an account."""
    able = (users.c.account_id == account_id, users.c.role == Role.ADMIN, users.c.is_disabled.is_(False))
    return int(tx.scalar(select(func.count()).select_from(users).where(*able)))


def secrets_of(tx: Read, user_id: str) -> Secrets | None:
    """What proves that somebody is that user."""
    columns = (users.c.password_hash, users.c.tfa_secret, users.c.tfa_active, users.c.tfa_step)
    row = tx.row(select(*columns, users.c.recovery).where(users.c.id == user_id))
    if row is None:
        return None
    recovery = tuple(msgspec.json.decode(row.recovery)) if row.recovery else ()
    return Secrets(row.password_hash, row.tfa_secret, bool(row.tfa_active), row.tfa_step, recovery)


def change(tx: Write, user_id: str, values: Mapping[str, Any]) -> bool:
    """Change columns of a user; False when there is none."""
    return tx.run(update(users).where(users.c.id == user_id).values(values)) == 1


def use_step(tx: Write, user_id: str, step: int) -> bool:
    """Note that the code of those 30 seconds was used; False when it, or a later one, was used before."""
    return (
        tx.run(update(users).where(users.c.id == user_id, users.c.tfa_step < step).values(tfa_step=step)) == 1
    )


def use_recovery(tx: Write, user_id: str, before: Sequence[str], after: Sequence[str]) -> bool:
    """Replace the recovery codes; False when they changed since they were read."""
    held = (users.c.id == user_id, users.c.recovery == msgspec.json.encode(before))
    return tx.run(update(users).where(*held).values(recovery=msgspec.json.encode(after))) == 1


def remove(tx: Write, user_id: str) -> None:
    """Delete a user and the links that were sent to them."""
    tx.run(delete(user_links).where(user_links.c.user_id == user_id))
    tx.run(delete(users).where(users.c.id == user_id))


def add_link(tx: Write, values: Mapping[str, Any]) -> None:
    """Add a link."""
    tx.run(insert(user_links).values(values))


def link(tx: Read, digest: str, now: int) -> tuple[User, str] | None:
    """Who a valid link was sent to, and what for."""
    stmt: Select[Any] = select(*_USER, user_links.c.purpose).join_from(
        user_links, users, user_links.c.user_id == users.c.id
    )
    row = tx.row(stmt.where(user_links.c.digest == digest, user_links.c.expires_at > now))
    return None if row is None else (_user(row[:-1]), row[-1])


def remove_links(tx: Write, user_id: str) -> None:
    """Let no link that was sent to a user work any more."""
    tx.run(delete(user_links).where(user_links.c.user_id == user_id))


def expire_links(tx: Write, now: int) -> int:
    """Delete links that work no more."""
    return tx.run(delete(user_links).where(user_links.c.expires_at <= now))


def _one(tx: Read, stmt: Select[Any]) -> User | None:
    row = tx.row(stmt)
    return None if row is None else _user(row)


def _user(row: Sequence[Any]) -> User:
    found = dict(zip(User.__struct_fields__, row, strict=True))
    flags = {name: bool(found[name]) for name in ("is_master", "is_disabled", "activated", "tfa_active")}
    return User(**found | flags | {"role": Role(found["role"])})
