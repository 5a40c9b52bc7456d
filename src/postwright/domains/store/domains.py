"""SQL of domains and their logins."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy
from sqlalchemy import ColumnElement, bindparam, delete, func, insert, or_, select, update

from postwright.accounts import Status, accounts, message_limits
from postwright.kernel.db import Prepared, Read, Write

from ..records import Check, Domain, Sendable, Tracking, tracking_url
from ..tables import domain_tombstones, domains, smtp_credentials
from . import hours, keys

Row = sqlalchemy.Row[Any]

_COLUMNS = [column.name for column in domains.columns]
_FIND = Prepared(
    select(domains).where(
        domains.c.account_id == bindparam("account"), domains.c.name == bindparam("domain")
    ),
    ("account", "domain"),
)
_SENDABLE = Prepared(
    select(
        domains.c.state,
        domains.c.is_disabled,
        domains.c.type,
        domains.c.tracking,
        domains.c.checks,
        domains.c.web_scheme,
        domains.c.web_prefix,
        domains.c.name,
        domains.c.require_tls,
        domains.c.skip_verification,
        domains.c.archive_to,
        domains.c.queue_lifetime,
        accounts.c.status,
        accounts.c.may_send,
        message_limits.c.maximum,
        accounts.c.hourly,
    )
    .select_from(
        domains.join(accounts, accounts.c.id == domains.c.account_id).outerjoin(
            message_limits, message_limits.c.account_id == domains.c.account_id
        )
    )
    .where(domains.c.id == bindparam("key")),
    ("key",),
)
_REDACTS = Prepared(select(domains.c.redact_webhooks).where(domains.c.id == bindparam("key")), ("key",))
_MAY_RECEIVE = (domains.c.state == "active", domains.c.is_disabled.is_(False))
_RECEIVING = Prepared(
    select(domains).where(domains.c.name == bindparam("domain"), *_MAY_RECEIVE), ("domain",)
)
_RECEIVING_FOR = Prepared(
    select(domains).where(domains.c.mailfrom_host == bindparam("host"), *_MAY_RECEIVE), ("host",)
)
_CREDENTIAL = Prepared(
    select(
        domains.c.account_id,
        domains.c.id,
        domains.c.name,
        smtp_credentials.c.password_hash,
        domains.c.message_ttl,
        func.coalesce(func.nullif(domains.c.mailfrom_host, ""), domains.c.name),
        accounts.c.status,
    )
    .select_from(
        smtp_credentials.join(domains, domains.c.id == smtp_credentials.c.domain_id).join(
            accounts, accounts.c.id == domains.c.account_id
        )
    )
    .where(domains.c.name == bindparam("domain"), smtp_credentials.c.login == bindparam("user")),
    ("domain", "user"),
)
_decode_checks = msgspec.json.Decoder(dict[str, Check]).decode
_decode_tracking = msgspec.json.Decoder(Tracking).decode


def find(tx: Read, account_id: str, name: str) -> Domain | None:
    """The account's domain of that name."""
    rows = tx.fetch(_FIND, (account_id, name))
    return _domain(rows[0]) if rows else None


def of_name(tx: Read, name: str) -> Domain | None:
    """The domain of that name, whoever has it."""
    row = tx.row(select(domains).where(domains.c.name == name))
    return None if row is None else _domain(row)


def by_id(tx: Read, domain_id: str) -> Domain | None:
    """The domain with that id."""
    row = tx.row(select(domains).where(domains.c.id == domain_id))
    return None if row is None else _domain(row)


def active(tx: Read, limit: int) -> list[Domain]:
    """Customers' domains that may send, the newest first."""
    where = (domains.c.state == "active", domains.c.type != "sandbox")
    rows = tx.rows(select(domains).where(*where).order_by(domains.c.created_at.desc()).limit(limit))
    return [_domain(row) for row in rows]


def web_schemes(tx: Read, domain_ids: Sequence[str]) -> dict[str, str]:
    """How links of domains begin: http or https."""
    rows = tx.rows(select(domains.c.id, domains.c.web_scheme).where(domains.c.id.in_(domain_ids)))
    return {row.id: row.web_scheme for row in rows}


def named(tx: Read, name: str) -> Domain | None:
    """The domain of that name, whosever it is."""
    row = tx.row(select(domains).where(domains.c.name == name))
    return None if row is None else _domain(row)


def _domain(row: Sequence[Any]) -> Domain:
    return _made(tuple(row))


@lru_cache(4096)  # the same row is the same domain: nearly every request reads one that was read a moment ago
def _made(row: tuple[Any, ...]) -> Domain:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["checks"] = _decode_checks(values["checks"])
    values["tracking"] = _decode_tracking(values["tracking"])
    for name in _BOOLEANS:  # plain driver rows have SQLite's 0 and 1
        values[name] = bool(values[name])
    return Domain(**values)


_BOOLEANS = [column.name for column in domains.columns if isinstance(column.type, sqlalchemy.Boolean)]


def sendable(tx: Read, domain_id: str) -> Sendable | None:
    """What decides whether and how a message of the domain is accepted."""
    rows = tx.fetch(_SENDABLE, (domain_id,))
    if not rows:
        return None
    state, is_disabled, kind, tracking, checks, scheme, prefix, name, required, trusting = rows[0][:10]
    archive, lifetime, status, may_send, maximum, hourly = rows[0][10:]
    return Sendable(
        name=name,
        state=state,
        is_disabled=bool(is_disabled),
        type=kind,
        tracking=_decode_tracking(tracking),
        tracking_url=tracking_url(_decode_checks(checks), scheme, prefix, name),
        require_tls=bool(required),
        skip_verification=bool(trusting),
        archive_to=archive,
        queue_lifetime=lifetime,
        account_status=Status(status),
        account_may_send=bool(may_send),
        is_limited=maximum is not None,
        hourly=hourly,
    )


def ids(tx: Read, account_id: str) -> list[str]:
    """The ids of an account's domains."""
    return [row.id for row in tx.rows(select(domains.c.id).where(domains.c.account_id == account_id))]


def redacts_webhooks(tx: Read, domain_id: str) -> bool:
    """Whether what webhooks are told of a domain must not tell of persons."""
    rows = tx.fetch(_REDACTS, (domain_id,))
    return bool(rows and rows[0][0])


def first_active(tx: Read, account_id: str) -> tuple[str, str] | None:
    """Id and name of the account's oldest domain that may send; no sandbox."""
    row = tx.row(
        select(domains.c.id, domains.c.name)
        .where(
            domains.c.account_id == account_id,
            domains.c.state == "active",
            domains.c.is_disabled.is_(False),
            domains.c.type != "sandbox",
        )
        .order_by(domains.c.created_at, domains.c.id)
        .limit(1)
    )
    return None if row is None else (row.id, row.name)


def account_of_host(tx: Read, host: str) -> str | None:
    """The account whose domain is `host`, or else the one that has it as a mailfrom host."""
    found: str | None = tx.scalar(
        select(domains.c.account_id)
        .where(or_(domains.c.name == host, domains.c.mailfrom_host == host))
        .order_by((domains.c.name == host).desc(), domains.c.created_at)
        .limit(1)
    )
    return found


def ids_of_host(tx: Read, host: str) -> list[str]:
    """Ids of the domains whose envelope senders can have `host`."""
    rows = tx.rows(
        select(domains.c.id).where(or_(domains.c.name == host, domains.c.mailfrom_host == host)).limit(100)
    )
    return [row.id for row in rows]


def receiving(tx: Read, names: Sequence[str], host: str) -> list[Domain]:
    """The domains that may receive: named one of `names`, or with `host` as mailfrom host."""
    # One look-up for each name: a statement for any number of them would be compiled anew for each message.
    rows = [row for name in names for row in tx.fetch(_RECEIVING, (name,))]
    known = {row[0] for row in rows}
    rows.extend(row for row in tx.fetch(_RECEIVING_FOR, (host,)) if row[0] not in known)
    return [_domain(row) for row in rows]


def of_authority(tx: Read, account_id: str, authority: str) -> list[Domain]:
    """The domains of an account that sign as `authority`, the authority itself first."""
    rows = tx.rows(
        select(domains)
        .where(domains.c.account_id == account_id, domains.c.authority == authority)
        .order_by((domains.c.name == authority).desc(), domains.c.name)
    )
    return [_domain(row) for row in rows]


def insert_domain(tx: Write, values: Mapping[str, Any]) -> bool:
    """Add a domain; False when the name is taken."""
    return tx.upsert(domains, values, ["name"]) == 1


def set_domain(tx: Write, domain_id: str, values: Mapping[str, Any]) -> int:
    """Change columns of a domain."""
    return tx.run(update(domains).where(domains.c.id == domain_id).values(**values))


def delete_domain(tx: Write, domain: Domain, now: int) -> None:
    """Delete a domain and what only it has, leaving a tombstone."""
    tx.run(delete(smtp_credentials).where(smtp_credentials.c.domain_id == domain.id))
    tx.run(delete(domains).where(domains.c.id == domain.id))
    keys.drop_unused(tx, domain.account_id, (domain.authority, domain.name))
    keys.drop_rotation(tx, domain.id)
    hours.forget(tx, domain.id)
    tx.run(
        insert(domain_tombstones).values(domain_id=domain.id, account_id=domain.account_id, deleted_at=now)
    )


def names(tx: Read, account_id: str, limit: int) -> list[str]:
    """The names of some of an account's domains."""
    stmt = select(domains.c.name).where(domains.c.account_id == account_id).limit(limit)
    return [row.name for row in tx.rows(stmt)]


def has_tombstones(tx: Read, account_id: str) -> bool:
    """Whether deleted domains of an account still hold something."""
    stmt = select(domain_tombstones.c.domain_id).where(domain_tombstones.c.account_id == account_id)
    return tx.scalar(stmt.limit(1)) is not None


def tombstones(tx: Read, limit: int) -> list[str]:
    """Ids of deleted domains that others may still hold something of."""
    return [row.domain_id for row in tx.rows(select(domain_tombstones.c.domain_id).limit(limit))]


def account_of_tombstone(tx: Read, domain_id: str) -> str:
    """Whose a deleted domain was; "" when nothing of it is left."""
    stmt = select(domain_tombstones.c.account_id).where(domain_tombstones.c.domain_id == domain_id)
    return tx.scalar(stmt) or ""


def forget_tombstone(tx: Write, domain_id: str) -> None:
    """Everybody has let go."""
    tx.run(delete(domain_tombstones).where(domain_tombstones.c.domain_id == domain_id))


def page(
    tx: Read,
    account_id: str,
    *,
    subaccounts: bool,
    state: str,
    authority: str,
    search: str,
    sort: tuple[str, bool],
    skip: int,
    limit: int,
) -> tuple[int, list[Domain]]:
    """How many domains there are, and a page of them. `sort`: column, and whether descending."""
    where: list[ColumnElement[bool]] = [_owners(account_id, subaccounts=subaccounts)]
    if state:
        where.append(domains.c.state == state)
    elif authority:
        where.append(domains.c.authority == authority)
    if search:
        where.append(domains.c.name.contains(search, autoescape=True))
    total = tx.scalar(select(func.count()).select_from(domains).where(*where))
    column = domains.c[sort[0]]
    order = (column.desc(), domains.c.id.desc()) if sort[1] else (column, domains.c.id)
    rows = tx.rows(select(domains).where(*where).order_by(*order).offset(skip).limit(limit))
    return total, [_domain(row) for row in rows]


def _owners(account_id: str, *, subaccounts: bool) -> ColumnElement[bool]:
    if not subaccounts:
        return domains.c.account_id == account_id
    children = select(accounts.c.id).where(accounts.c.parent_id == account_id)
    return or_(domains.c.account_id == account_id, domains.c.account_id.in_(children))


def credential(tx: Read, domain: str, login: str) -> Sequence[Any] | None:
    """Account, domain id and name, hash, retention, return host and the account's state of a login."""
    rows = tx.fetch(_CREDENTIAL, (domain, login))
    return rows[0] if rows else None


def credentials_page(tx: Read, domain_id: str, skip: int, limit: int) -> tuple[int, list[tuple[str, int]]]:
    """How many logins a domain has, and a page of them with the time each was made."""
    mine = smtp_credentials.c.domain_id == domain_id
    total = tx.scalar(select(func.count()).select_from(smtp_credentials).where(mine))
    stmt = select(smtp_credentials.c.login, smtp_credentials.c.created_at).where(mine)
    rows = tx.rows(stmt.order_by(smtp_credentials.c.login).offset(skip).limit(limit))
    return total, [(row.login, row.created_at) for row in rows]


def has_credential(tx: Read, domain_id: str, login: str) -> bool:
    """Whether a login exists."""
    stmt = select(smtp_credentials.c.login).where(
        smtp_credentials.c.domain_id == domain_id, smtp_credentials.c.login == login
    )
    return tx.scalar(stmt) is not None


def set_hash(tx: Write, domain_id: str, login: str, password_hash: str) -> bool:
    """Change the hash of a login; False when there is none."""
    mine = (smtp_credentials.c.domain_id == domain_id, smtp_credentials.c.login == login)
    return tx.run(update(smtp_credentials).where(*mine).values(password_hash=password_hash)) == 1


def remove_credential(tx: Write, domain_id: str, login: str) -> bool:
    """Delete a login; False when there is none."""
    mine = (smtp_credentials.c.domain_id == domain_id, smtp_credentials.c.login == login)
    return tx.run(delete(smtp_credentials).where(*mine)) == 1


def clear_credentials(tx: Write, domain_id: str, but: str) -> int:
    """Delete all logins of a domain except one; how many."""
    mine = (smtp_credentials.c.domain_id == domain_id, smtp_credentials.c.login != but)
    return tx.run(delete(smtp_credentials).where(*mine))


def put_credential(tx: Write, domain_id: str, login: str, password_hash: str, now: int) -> None:
    """Add a login or replace its password."""
    values = {"domain_id": domain_id, "login": login, "password_hash": password_hash, "created_at": now}
    tx.upsert(smtp_credentials, values, ["domain_id", "login"], ["password_hash"])
