"""SQL of addresses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, literal, or_, select, union_all, update

from postwright.accounts import accounts
from postwright.kernel.db import Prepared, Read, Write

from ..records import Assigned, Feature, Job, Pool, SourceIp
from ..tables import (
    account_sources,
    domain_sources,
    ip_jobs,
    ip_links,
    ip_pools,
    ip_versions,
    pool_grants,
    source_ips,
)


def _ip(row: Sequence[Any]) -> SourceIp:
    return SourceIp(*row)


def pool_of_row(row: Sequence[Any]) -> Pool:
    """A pool as it is stored."""
    return Pool(*row)


_VERSION = Prepared(select(ip_versions.c.version), ())


def version(tx: Read) -> int:
    """How many changes there were."""
    rows = tx.fetch(_VERSION)
    return rows[0][0] if rows else 0


def changed(tx: Write) -> int:
    """Count a change; its number. The row is locked until commit, so that numbers become visible in order."""
    if not tx.run(update(ip_versions).values(version=ip_versions.c.version + 1)):
        tx.upsert(ip_versions, {"id": 1, "version": 1}, ["id"])
    return version(tx)


def everything(
    tx: Read, after: int
) -> tuple[int, list[SourceIp], list[Any], list[Any], list[Any], list[Any]]:
    """Version, addresses, links, pools, grants, and the choices of accounts; `after` counts for nothing here."""
    return (
        version(tx),
        [_ip(row) for row in tx.rows(select(source_ips).order_by(source_ips.c.address))],
        list(tx.rows(select(ip_links.c.account_id, ip_links.c.address))),
        [pool_of_row(row) for row in tx.rows(select(ip_pools))],
        list(tx.rows(select(pool_grants.c.account_id, pool_grants.c.pool_id))),
        list(tx.rows(select(account_sources.c.account_id, account_sources.c.spill_pool_id))),
    )


def assigned_after(tx: Read, after: int) -> list[tuple[int, Assigned]]:
    """What domains send from that changed behind version `after`."""
    found = tx.rows(select(domain_sources).where(domain_sources.c.version > after))
    return [(row.version, assigned_of_row(row)) for row in found]


def assigned_of_row(row: Any) -> Assigned:
    """What a domain sends from, as it is stored."""
    chosen = tuple(row.ips.split(",")) if row.ips else ()
    return Assigned(row.domain_id, row.account_id, chosen, row.pool_id, row.spill_pool_id)


# -- addresses


def put(tx: Write, values: Mapping[str, Any], update: Sequence[str]) -> None:
    """Add an address, or overwrite its columns `update`."""
    tx.upsert(source_ips, values, ["address"], update)


def set_ips(
    tx: Write, addresses: Sequence[str], values: Mapping[str, Any], *where: ColumnElement[bool]
) -> int:
    """Change columns of addresses; how many there were."""
    return tx.run(update(source_ips).where(source_ips.c.address.in_(addresses), *where).values(**values))


def take_free(tx: Write, account_id: str, address: str) -> bool:
    """Give an address that is nobody's to an account. False: somebody was faster."""
    free = (source_ips.c.address == address, source_ips.c.account_id == "", source_ips.c.dedicated.is_(True))
    return tx.run(update(source_ips).where(*free).values(account_id=account_id)) == 1


def remove(tx: Write, address: str) -> bool:
    """Forget an address; False when it was not there."""
    tx.run(delete(ip_links).where(ip_links.c.address == address))
    return tx.run(delete(source_ips).where(source_ips.c.address == address)) == 1


def all_ips(tx: Read) -> list[SourceIp]:
    """Every address of the installation."""
    return [_ip(row) for row in tx.rows(select(source_ips).order_by(source_ips.c.created_at))]


def in_use(tx: Read) -> list[str]:
    """The addresses that mail can leave from."""
    stmt = select(source_ips.c.address).where(source_ips.c.enabled.is_(True))
    return [row.address for row in tx.rows(stmt.order_by(source_ips.c.created_at, source_ips.c.address))]


def one(tx: Read, address: str) -> SourceIp | None:
    """An address, whosever it is."""
    row = tx.row(select(source_ips).where(source_ips.c.address == address))
    return None if row is None else _ip(row)


def visible(account_id: str) -> ColumnElement[bool]:
    """That an account may use an address: its own, one linked to it, or a shared one."""
    linked = select(ip_links.c.address).where(ip_links.c.account_id == account_id)
    return or_(
        source_ips.c.account_id == account_id,
        source_ips.c.address.in_(linked),
        source_ips.c.dedicated.is_(False),
    )


def of_account(tx: Read, account_id: str) -> list[SourceIp]:
    """The addresses an account may use: dedicated ones first, in the order they came."""
    stmt = select(source_ips).where(visible(account_id))
    order = (source_ips.c.dedicated.desc(), source_ips.c.created_at, source_ips.c.address)
    return [_ip(row) for row in tx.rows(stmt.order_by(*order))]


def mine(tx: Read, account_id: str, address: str) -> SourceIp | None:
    """An address that the account may use."""
    row = tx.row(select(source_ips).where(source_ips.c.address == address, visible(account_id)))
    return None if row is None else _ip(row)


def free(tx: Read) -> list[str]:
    """Dedicated addresses that are nobody's."""
    stmt = select(source_ips.c.address).where(
        source_ips.c.account_id == "", source_ips.c.dedicated.is_(True), source_ips.c.enabled.is_(True)
    )
    return [row.address for row in tx.rows(stmt.order_by(source_ips.c.created_at, source_ips.c.address))]


def count_owned(tx: Read, account_id: str) -> int:
    """How many dedicated addresses are the account's own."""
    own = (source_ips.c.account_id == account_id, source_ips.c.dedicated.is_(True))
    return int(tx.scalar(select(func.count()).select_from(source_ips).where(*own)))


def touch_domains(tx: Write, addresses: Iterable[str], now: int) -> None:
    """Note that the domains of addresses changed."""
    chosen = sorted(set(addresses))
    if chosen:
        set_ips(tx, chosen, {"domains_changed_at": now})


# -- links of subaccounts


def link(tx: Write, account_ids: Sequence[str], addresses: Sequence[str], now: int) -> None:
    """Let accounts use addresses of their parent."""
    rows = [
        {"account_id": account_id, "address": address, "created_at": now}
        for account_id in account_ids
        for address in addresses
    ]
    tx.upsert(ip_links, rows, ["account_id", "address"])


def unlink(tx: Write, account_ids: Sequence[str], addresses: Sequence[str]) -> int:
    """The opposite."""
    return tx.run(
        delete(ip_links).where(ip_links.c.account_id.in_(account_ids), ip_links.c.address.in_(addresses))
    )


def children(tx: Read, parent_id: str, after: str, limit: int) -> list[str]:
    """Ids of subaccounts behind `after`."""
    stmt = select(accounts.c.id).where(accounts.c.parent_id == parent_id, accounts.c.id > after)
    return [row.id for row in tx.rows(stmt.order_by(accounts.c.id).limit(limit))]


def are_children(tx: Read, parent_id: str, account_ids: Sequence[str]) -> bool:
    """Whether all are subaccounts of a parent."""
    stmt = select(func.count()).where(accounts.c.parent_id == parent_id, accounts.c.id.in_(account_ids))
    return bool(tx.scalar(stmt) == len(set(account_ids)))


def parent(tx: Read, account_id: str) -> str:
    """The parent of an account, or "" of a primary one."""
    return tx.scalar(select(accounts.c.parent_id).where(accounts.c.id == account_id)) or ""


def account_name(tx: Read, account_id: str) -> str:
    """What an account is called."""
    return tx.scalar(select(accounts.c.name).where(accounts.c.id == account_id)) or ""


def detailed(
    tx: Read,
    account_id: str,
    *,
    wheres: Sequence[ColumnElement[bool]],
    subaccount_id: str,
    sort: tuple[str, bool],
    skip: int,
    limit: int,
) -> tuple[int, list[Any]]:
    """One record for each address of the account and of its subaccounts, and one for each linked subaccount.

    `sort`: column, and whether descending. `subaccount_id`: "", an id, `any` or `none`.
    """
    kids = select(accounts.c.id).where(accounts.c.parent_id == account_id)
    own = select(source_ips, source_ips.c.account_id.label("holder")).where(
        or_(source_ips.c.account_id == account_id, source_ips.c.account_id.in_(kids)), *wheres
    )
    joined = source_ips.join(ip_links, ip_links.c.address == source_ips.c.address)
    linked = (
        select(source_ips, ip_links.c.account_id.label("holder"))
        .select_from(joined)
        .where(source_ips.c.account_id == account_id, *wheres)
    )
    rows = union_all(own, linked).subquery()
    found = select(rows)
    if subaccount_id == "any":
        found = found.where(rows.c.holder != account_id)
    elif subaccount_id == "none":
        found = found.where(rows.c.holder == account_id)
    elif subaccount_id:
        found = found.where(rows.c.holder == subaccount_id)
    total = tx.scalar(select(func.count()).select_from(found.subquery()))
    column = rows.c[sort[0]]
    order = (column.desc() if sort[1] else column, rows.c.address, rows.c.holder)
    return total, list(tx.rows(found.order_by(*order).offset(skip).limit(limit)))


def in_pool(pool_id: str) -> ColumnElement[bool]:
    """A filter of details: `any`, `none`, or an id."""
    if pool_id == "any":
        return source_ips.c.pool_id != ""
    return source_ips.c.pool_id == ("" if pool_id == "none" else pool_id)


def on_domain(account_id: str, domain_id: str) -> ColumnElement[bool]:
    """A filter of details: addresses that a domain (`any`, `none`, or an id) of the account has of its own."""
    chosen = select(literal(1)).where(
        domain_sources.c.account_id == account_id,
        or_(
            (literal(",") + domain_sources.c.ips + ",").contains(literal(",") + source_ips.c.address + ","),
            (domain_sources.c.pool_id != "") & (domain_sources.c.pool_id == source_ips.c.pool_id),
        ),
    )
    if domain_id not in ("any", "none"):
        return chosen.where(domain_sources.c.domain_id == domain_id).exists()
    return ~chosen.exists() if domain_id == "none" else chosen.exists()


def like(text: str) -> ColumnElement[bool]:
    """A filter of details: part of an address."""
    return source_ips.c.address.contains(text, autoescape=True)


# -- accounts


def hidden(tx: Read, account_id: str) -> frozenset[str]:
    """The features that an account may not use."""
    text = tx.scalar(select(account_sources.c.hidden).where(account_sources.c.account_id == account_id))
    return frozenset(text.split(",")) if text else frozenset()


def set_hidden(tx: Write, account_id: str, features: Iterable[Feature]) -> None:
    """Hide features from an account."""
    values = {"account_id": account_id, "spill_pool_id": "", "hidden": ",".join(sorted(features))}
    tx.upsert(account_sources, values, ["account_id"], ["hidden"])


def spill(tx: Read, account_id: str) -> str:
    """The account's spillover pool, or ""."""
    found = tx.scalar(
        select(account_sources.c.spill_pool_id).where(account_sources.c.account_id == account_id)
    )
    return found or ""


def set_spill(tx: Write, account_id: str, pool_id: str) -> None:
    """Change the account's spillover pool."""
    values = {"account_id": account_id, "spill_pool_id": pool_id, "hidden": ""}
    tx.upsert(account_sources, values, ["account_id"], ["spill_pool_id"])


# -- jobs


def add_job(tx: Write, job: Job, now: int) -> None:
    """Queue a change of many."""
    args = msgspec.json.encode(job.args).decode()
    tx.run(
        insert(ip_jobs).values(
            id=job.id, account_id=job.account_id, kind=job.kind, args=args, after=job.after, created_at=now
        )
    )


def next_job(tx: Read) -> Job | None:
    """The oldest change that is not finished."""
    row = tx.row(select(ip_jobs).order_by(ip_jobs.c.created_at, ip_jobs.c.id).limit(1))
    if row is None:
        return None
    return Job(row.id, row.account_id, row.kind, msgspec.json.decode(row.args), row.after)


def move_job(tx: Write, job: Job, after: str | None) -> bool:
    """Note how far a change has come (None: to its end). False: another process was faster."""
    same = (ip_jobs.c.id == job.id, ip_jobs.c.after == job.after)
    if after is None:
        return tx.run(delete(ip_jobs).where(*same)) == 1
    return tx.run(update(ip_jobs).where(*same).values(after=after)) == 1
