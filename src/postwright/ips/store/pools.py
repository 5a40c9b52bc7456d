"""SQL of pools, and of what domains send from."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, or_, select, update

from postwright.domains import domains_table as domains
from postwright.kernel.db import Read, Write

from ..records import DEDICATED, Assigned, Pool
from ..tables import account_sources, domain_sources, ip_pools, pool_grants, source_ips
from .addresses import assigned_of_row, pool_of_row


def insert_pool(tx: Write, pool: Pool) -> None:
    """Add a pool."""
    tx.run(
        insert(ip_pools).values(
            id=pool.id,
            account_id=pool.account_id,
            kind=pool.kind,
            name=pool.name,
            description=pool.description,
            created_at=pool.created_at,
        )
    )


def pools(tx: Read, account_id: str, kind: str = DEDICATED) -> list[Pool]:
    """The account's pools of a kind, and (of dedicated ones) the one that it has from its parent."""
    owned = ip_pools.c.account_id == account_id
    if kind == DEDICATED:
        granted = select(pool_grants.c.pool_id).where(pool_grants.c.account_id == account_id)
        owned = or_(owned, ip_pools.c.id.in_(granted))
    stmt = select(ip_pools).where(owned, ip_pools.c.kind == kind)
    return [pool_of_row(row) for row in tx.rows(stmt.order_by(ip_pools.c.created_at, ip_pools.c.id))]


def pool(tx: Read, account_id: str, pool_id: str) -> Pool | None:
    """A dedicated pool that the account has, or has from its parent."""
    granted = select(pool_grants.c.pool_id).where(pool_grants.c.account_id == account_id)
    mine = or_(ip_pools.c.account_id == account_id, ip_pools.c.id.in_(granted))
    row = tx.row(select(ip_pools).where(ip_pools.c.id == pool_id, ip_pools.c.kind == DEDICATED, mine))
    return None if row is None else pool_of_row(row)


def any_pool(tx: Read, pool_id: str) -> Pool | None:
    """A pool, whosever and of whatever kind."""
    row = tx.row(select(ip_pools).where(ip_pools.c.id == pool_id))
    return None if row is None else pool_of_row(row)


def set_pool(tx: Write, pool_id: str, values: dict[str, Any]) -> None:
    """Change a pool."""
    tx.run(update(ip_pools).where(ip_pools.c.id == pool_id).values(**values))


def delete_pool(tx: Write, pool_id: str) -> None:
    """Forget a pool and what points to it."""
    tx.run(update(source_ips).where(source_ips.c.pool_id == pool_id).values(pool_id=""))
    tx.run(delete(pool_grants).where(pool_grants.c.pool_id == pool_id))
    tx.run(update(account_sources).where(account_sources.c.spill_pool_id == pool_id).values(spill_pool_id=""))
    tx.run(delete(ip_pools).where(ip_pools.c.id == pool_id))


def ips_of(tx: Read, pool_ids: Iterable[str]) -> dict[str, list[str]]:
    """The addresses in pools."""
    stmt = select(source_ips.c.pool_id, source_ips.c.address).where(source_ips.c.pool_id.in_(list(pool_ids)))
    found: dict[str, list[str]] = {}
    for row in tx.rows(stmt.order_by(source_ips.c.address)):
        found.setdefault(row.pool_id, []).append(row.address)
    return found


def linked(tx: Read, pool_ids: Sequence[str]) -> set[str]:
    """Those pools that a domain is linked to."""
    stmt = select(domain_sources.c.pool_id).where(domain_sources.c.pool_id.in_(pool_ids)).distinct()
    return {row.pool_id for row in tx.rows(stmt)}


def domains_of(
    tx: Read, pool_id: str, after: str, limit: int, *, account_id: str = "", backwards: bool = False
) -> list[Any]:
    """Id, name and account of domains linked to a pool, in order of id."""
    joined = domain_sources.join(domains, domains.c.id == domain_sources.c.domain_id)
    where = [domain_sources.c.pool_id == pool_id]
    if account_id:
        where.append(domain_sources.c.account_id == account_id)
    if after:
        key = domain_sources.c.domain_id
        where.append(key < after if backwards else key > after)
    order = domain_sources.c.domain_id.desc() if backwards else domain_sources.c.domain_id
    stmt = select(domains.c.id, domains.c.name, domains.c.account_id).select_from(joined).where(*where)
    found = list(tx.rows(stmt.order_by(order).limit(limit)))
    return found[::-1] if backwards else found


# -- delegation


def grant(tx: Write, pool_id: str, account_id: str, now: int) -> None:
    """Let a subaccount have a pool, instead of the one it had."""
    values = {"account_id": account_id, "pool_id": pool_id, "created_at": now}
    tx.upsert(pool_grants, values, ["account_id"], ["pool_id", "created_at"])


def revoke(tx: Write, pool_id: str, account_id: str) -> bool:
    """Take a pool from a subaccount; False when it did not have it."""
    same = (pool_grants.c.account_id == account_id, pool_grants.c.pool_id == pool_id)
    return tx.run(delete(pool_grants).where(*same)) == 1


def granted(tx: Read, account_id: str) -> str:
    """The pool that a subaccount has from its parent, or ""."""
    return tx.scalar(select(pool_grants.c.pool_id).where(pool_grants.c.account_id == account_id)) or ""


def grants(tx: Read, parent_id: str) -> list[Any]:
    """Pool and subaccount of everything that a parent gave."""
    joined = pool_grants.join(ip_pools, ip_pools.c.id == pool_grants.c.pool_id)
    stmt = select(pool_grants.c.pool_id, pool_grants.c.account_id).select_from(joined)
    return list(
        tx.rows(
            stmt.where(ip_pools.c.account_id == parent_id).order_by(pool_grants.c.account_id).limit(10_000)
        )
    )


# -- domains


def assigned(tx: Read, domain_id: str) -> Assigned | None:
    """What a domain sends from."""
    row = tx.row(select(domain_sources).where(domain_sources.c.domain_id == domain_id))
    return None if row is None else assigned_of_row(row)


def assign(tx: Write, wanted: Assigned, version: int) -> None:
    """Change what a domain sends from."""
    values = {
        "domain_id": wanted.domain_id,
        "account_id": wanted.account_id,
        "ips": ",".join(wanted.ips),
        "pool_id": wanted.pool_id,
        "spill_pool_id": wanted.spill_pool_id,
        "version": version,
    }
    tx.upsert(domain_sources, values, ["domain_id"], ["ips", "pool_id", "spill_pool_id", "version"])


def forget_domain(tx: Write, domain_id: str) -> int:
    """Nothing is left of a deleted domain; how much there was."""
    return tx.run(delete(domain_sources).where(domain_sources.c.domain_id == domain_id))


def domain_ids(tx: Read, account_id: str, after: str, limit: int) -> list[str]:
    """Ids of the account's domains behind `after`."""
    stmt = select(domains.c.id).where(domains.c.account_id == account_id, domains.c.id > after)
    return [row.id for row in tx.rows(stmt.order_by(domains.c.id).limit(limit))]


def owner_of(tx: Read, domain_id: str) -> str:
    """The account of a domain, or ""."""
    return tx.scalar(select(domains.c.account_id).where(domains.c.id == domain_id)) or ""


def domains_with(
    tx: Read,
    account_id: str,
    address: str,
    pool_id: str,
    *,
    words: Sequence[str],
    default: bool,
    skip: int,
    limit: int,
) -> tuple[int, list[Any]]:
    """Id, name, addresses and pool of the domains that send from an address.

    `pool_id` is the address's pool; `default`: whether domains without a choice of their own use it.
    """
    joined = domains.outerjoin(domain_sources, domain_sources.c.domain_id == domains.c.id)
    chosen = (literal(",") + domain_sources.c.ips + ",").contains(f",{address},", autoescape=True)
    ours: list[ColumnElement[bool]] = [and_(domain_sources.c.pool_id == "", chosen)]
    if pool_id:
        ours.append(domain_sources.c.pool_id == pool_id)
    if default:
        none = or_(
            domain_sources.c.domain_id.is_(None),
            and_(domain_sources.c.ips == "", domain_sources.c.pool_id == ""),
        )
        ours.append(none)
    where = [domains.c.account_id == account_id, or_(*ours)]
    if words:
        where.append(or_(*(domains.c.name.contains(word, autoescape=True) for word in words)))
    total = tx.scalar(select(func.count()).select_from(joined).where(*where))
    stmt = select(domains.c.id, domains.c.name, domain_sources.c.ips, domain_sources.c.pool_id)
    rows = tx.rows(stmt.select_from(joined).where(*where).order_by(domains.c.id).offset(skip).limit(limit))
    return total, list(rows)


def uses(tx: Read, account_ids: Sequence[str], address: str) -> bool:
    """Whether a domain of the accounts has chosen an address."""
    stmt = select(literal(1)).where(
        domain_sources.c.account_id.in_(account_ids),
        (literal(",") + domain_sources.c.ips + ",").contains(f",{address},", autoescape=True),
    )
    return tx.scalar(stmt.limit(1)) is not None
