"""SQL of accounts and keys. What is about one account takes its id; only the look-up of a key does not."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, delete, func, insert, select, text, update

from postwright.kernel.db import Prepared, Read, Write

from ..records import Account, Holder, Key, Principal, Status
from ..roles import Kind, Role
from ..tables import STOPPED, accounts, api_keys

_ACCOUNT = tuple(accounts.c[name] for name in Account.__struct_fields__)
_KEY = tuple(api_keys.c[name] for name in Key.__struct_fields__)

_STOPPED = Prepared(select(accounts.c.id, accounts.c.status).where(text(STOPPED)), ())

# The statement behind every request with a key that this process has not seen in the last second.
_HOLDER = Prepared(
    select(
        api_keys.c.account_id,
        api_keys.c.id,
        api_keys.c.kind,
        api_keys.c.role,
        api_keys.c.domain_name,
        api_keys.c.user_id,
        accounts.c.status,
        api_keys.c.is_disabled,
        api_keys.c.expires_at,
        api_keys.c.last_used_at,
        accounts.c.inactive_seconds,
    )
    .join_from(api_keys, accounts, api_keys.c.account_id == accounts.c.id)
    .where(api_keys.c.digest == bindparam("digest")),
    ("digest",),
)


def insert_account(tx: Write, values: Mapping[str, Any]) -> None:
    """Add an account."""
    tx.run(insert(accounts), values)


def account(tx: Read, account_id: str) -> Account | None:
    """An account."""
    row = tx.row(select(*_ACCOUNT).where(accounts.c.id == account_id))
    return None if row is None else _account(row)


def _account(row: Sequence[Any]) -> Account:
    found = dict(zip(Account.__struct_fields__, row, strict=True))
    typed = {"status": Status(found["status"]), "may_send": bool(found["may_send"])}
    return Account(**found | typed | {"features": msgspec.json.decode(found["features"])})


def first_account(tx: Read) -> str | None:
    """The id of the oldest primary account."""
    oldest = select(accounts.c.id).where(accounts.c.parent_id.is_(None))
    found: str | None = tx.scalar(oldest.order_by(accounts.c.created_at, accounts.c.id).limit(1))
    return found


def child_status(tx: Read, parent_id: str, account_id: str) -> Status | None:
    """The status of a subaccount of `parent_id`; None when it has no such."""
    mine = select(accounts.c.status).where(accounts.c.id == account_id, accounts.c.parent_id == parent_id)
    found = tx.scalar(mine)
    return Status(found) if found else None


def family(tx: Read, account_id: str) -> list[tuple[str, str]]:
    """Ids and names of an account and its subaccounts, itself first."""
    mine = (accounts.c.id == account_id) | (accounts.c.parent_id == account_id)
    rows = tx.rows(
        select(accounts.c.id, accounts.c.name)
        .where(mine)
        .order_by(accounts.c.id != account_id, accounts.c.id)
    )
    return [tuple(row) for row in rows]


def children(
    tx: Read,
    parent_id: str,
    statuses: Sequence[Status],
    name: str,
    *,
    descending: bool | None,
    limit: int,
    skip: int,
) -> tuple[list[Account], int]:
    """Subaccounts in some of the states whose names contain `name`, by name or else oldest first; and their number."""
    mine = [accounts.c.parent_id == parent_id, accounts.c.status.in_(statuses)]
    if name:
        mine.append(accounts.c.name.icontains(name, autoescape=True))
    count = int(tx.scalar(select(func.count()).select_from(accounts).where(*mine)))
    order: list[Any] = [accounts.c.created_at, accounts.c.id]
    if descending is not None:
        order = [accounts.c.name.desc() if descending else accounts.c.name, accounts.c.id]
    rows = tx.rows(select(*_ACCOUNT).where(*mine).order_by(*order).limit(limit).offset(skip))
    return [_account(row) for row in rows], count


def count_children(tx: Read, parent_id: str, statuses: Sequence[Status]) -> int:
    """How many subaccounts in some of the states there are."""
    mine = (accounts.c.parent_id == parent_id, accounts.c.status.in_(statuses))
    return int(tx.scalar(select(func.count()).select_from(accounts).where(*mine)))


def move(tx: Write, account_id: str, before: Status, values: Mapping[str, Any]) -> bool:
    """Change columns of an account in a state; False when it is in another."""
    mine = (accounts.c.id == account_id, accounts.c.status == before)
    return tx.run(update(accounts).where(*mine).values(values)) == 1


def closed(tx: Read, limit: int) -> list[str]:
    """Accounts that are closed and not emptied yet."""
    emptied = (accounts.c.status == Status.CLOSED, accounts.c.emptied_at.is_(None))
    return [row.id for row in tx.rows(select(accounts.c.id).where(*emptied).limit(limit))]


def stopped(tx: Read) -> list[tuple[str, Status]]:
    """Accounts whose mail must not leave now, and their states."""
    return [(account_id, Status(status)) for account_id, status in tx.fetch(_STOPPED, ())]


def is_stopped(tx: Write, account_id: str) -> bool:
    """Whether an account's mail must not leave, now and until our commit: who changes that waits for us."""
    mine = select(accounts.c.id).where(accounts.c.id == account_id, text(STOPPED))
    return tx.scalar(mine.with_for_update(read=True)) is not None


def lock_account(tx: Write, account_id: str) -> bool:
    """Keep other transactions from adding to the account until commit; False when there is no such account."""
    stmt = select(accounts.c.id).where(accounts.c.id == account_id).with_for_update()
    return tx.scalar(stmt) is not None


def sealed_signing_key(tx: Read, account_id: str) -> bytes | None:
    """The signing key as it is stored."""
    sealed = tx.scalar(select(accounts.c.signing_key).where(accounts.c.id == account_id))
    return bytes(sealed) if sealed is not None else None


def set_account(tx: Write, account_id: str, values: Mapping[str, Any]) -> bool:
    """Change columns of an account; False when there is no such account."""
    return tx.run(update(accounts).where(accounts.c.id == account_id).values(values)) == 1


def insert_key(tx: Write, account_id: str, key: Key, digest: str) -> bool:
    """Add a key; False when another one has the same secret."""
    row = {name: getattr(key, name) for name in Key.__struct_fields__}
    return tx.upsert(api_keys, {**row, "account_id": account_id, "digest": digest}, ["digest"]) == 1


def count_keys(tx: Read, account_id: str) -> int:
    """How many keys an account has."""
    return int(tx.scalar(select(func.count()).where(api_keys.c.account_id == account_id)))


def key(tx: Read, account_id: str, key_id: str) -> Key | None:
    """A key of an account."""
    row = tx.row(select(*_KEY).where(api_keys.c.account_id == account_id, api_keys.c.id == key_id))
    return None if row is None else _key(row)


def keys(tx: Read, account_id: str, kind: Kind | None, domain_name: str | None) -> list[Key]:
    """The keys of an account, oldest first, all or those of one kind or domain."""
    stmt: Select[Any] = select(*_KEY).where(api_keys.c.account_id == account_id)
    if kind is not None:
        stmt = stmt.where(api_keys.c.kind == kind)
    if domain_name is not None:
        stmt = stmt.where(api_keys.c.domain_name == domain_name)
    return [_key(row) for row in tx.rows(stmt.order_by(api_keys.c.created_at, api_keys.c.id))]


def _key(row: Sequence[Any]) -> Key:
    found = dict(zip(Key.__struct_fields__, row, strict=True))
    return Key(**found | {"kind": Kind(found["kind"]), "role": Role(found["role"])})


def holder(tx: Read, digest: str) -> Holder | None:
    """Who holds the secret of that digest."""
    rows = tx.fetch(_HOLDER, (digest,))
    if not rows:
        return None
    account_id, key_id, kind, role, domain_name, user_id, status, disabled, expires_at, used_at, idle = rows[
        0
    ]
    return Holder(
        Principal(account_id, key_id, Kind(kind), Role(role), domain_name, user_id),
        Status(status),
        bool(disabled),
        expires_at,
        used_at or 0,
        idle,
    )


def set_used(tx: Write, key_id: str, now: int) -> None:
    """Note that a key is in use."""
    tx.run(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now))


def delete_key(tx: Write, account_id: str, key_id: str) -> bool:
    """Delete a key; False when the account has no such key."""
    return tx.run(delete(api_keys).where(api_keys.c.account_id == account_id, api_keys.c.id == key_id)) == 1


def delete_user_keys(tx: Write, account_id: str, user_id: str, keep: str) -> int:
    """Delete the web keys of a user but one; how many."""
    mine = (api_keys.c.account_id == account_id, api_keys.c.user_id == user_id)
    return tx.run(delete(api_keys).where(*mine, api_keys.c.kind == Kind.WEB, api_keys.c.id != keep))


def delete_domain_keys(tx: Write, account_id: str, domain_name: str) -> int:
    """Delete the keys of a domain; how many."""
    mine = (api_keys.c.account_id == account_id, api_keys.c.domain_name == domain_name)
    return tx.run(delete(api_keys).where(*mine))


def delete_keys(tx: Write, account_id: str) -> int:
    """Delete all keys of an account; how many."""
    return tx.run(delete(api_keys).where(api_keys.c.account_id == account_id))


def delete_ended_sessions(tx: Write, account_id: str, now: int) -> None:
    """Delete the expired web keys of an account."""
    ended = (api_keys.c.kind == Kind.WEB, api_keys.c.expires_at <= now)
    tx.run(delete(api_keys).where(api_keys.c.account_id == account_id, *ended))
