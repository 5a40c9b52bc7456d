"""SQL of looks at DNS."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, literal, select, tuple_, update

from postwright.domains import domains_table as domains
from postwright.kernel.db import Read, Write

from ..tables import dns_check_history, dns_checks, dns_walks, source_ips


def of_scopes(tx: Read, scopes: Sequence[str]) -> list[Any]:
    """What the last looks found."""
    stmt = select(dns_checks).where(dns_checks.c.scope.in_(scopes))
    return list(tx.rows(stmt.order_by(dns_checks.c.scope, dns_checks.c.kind)))


def locked(tx: Write, scope: str) -> dict[str, Any]:
    """The same of one scope, by kind; nobody else changes it until commit."""
    rows = tx.rows(select(dns_checks).where(dns_checks.c.scope == scope).with_for_update())
    return {row.kind: row for row in rows}


def put(tx: Write, values: Mapping[str, Any]) -> None:
    """Keep what a look found."""
    columns = ["outcome", "detail", "found", "problem", "since", "checked_at"]
    tx.upsert(dns_checks, values, ["scope", "kind"], columns)


def drop(tx: Write, scope: str, kinds: Sequence[str]) -> None:
    """Forget kinds of checks that are made no more."""
    tx.run(delete(dns_checks).where(dns_checks.c.scope == scope, dns_checks.c.kind.in_(kinds)))


def note(tx: Write, values: Mapping[str, Any]) -> None:
    """Add to the history."""
    tx.run(insert(dns_check_history).values(**values))


def history(
    tx: Read, scope: str, after: tuple[int, str] | None, limit: int, *, backwards: bool = False
) -> list[Any]:
    """Changes behind (or before) a time and an id, the newest first."""
    table = dns_check_history.c
    stmt = select(dns_check_history).where(table.scope == scope)
    if after is not None:
        key, mark = tuple_(table.at, table.id), tuple_(*map(literal, after))
        stmt = stmt.where(key > mark if backwards else key < mark)
    order = (table.at, table.id) if backwards else (table.at.desc(), table.id.desc())
    rows = list(tx.rows(stmt.order_by(*order).limit(limit)))
    return rows[::-1] if backwards else rows


def forget(tx: Write, scope: str) -> int:
    """Forget a scope; how much there was."""
    gone = tx.run(delete(dns_checks).where(dns_checks.c.scope == scope))
    return gone + tx.run(delete(dns_check_history).where(dns_check_history.c.scope == scope))


def forget_lost(tx: Write) -> None:
    """Forget addresses that are not there any more."""
    there = select(literal("ip:") + source_ips.c.address)
    for table in (dns_checks, dns_check_history):
        tx.run(delete(table).where(table.c.scope.like("ip:%"), table.c.scope.not_in(there)))


def expire(tx: Write, before: int) -> int:
    """Forget changes older than a time."""
    return tx.run(delete(dns_check_history).where(dns_check_history.c.at < before))


# -- walks


def walk(tx: Read, name: str) -> tuple[str, int]:
    """How far a walk is, and when it is due."""
    row = tx.row(select(dns_walks).where(dns_walks.c.name == name))
    return ("", 0) if row is None else (row.after, row.next_at)


def step(tx: Write, name: str, seen: tuple[str, int], to: tuple[str, int]) -> bool:
    """Take a piece of a walk. False: another process was faster."""
    tx.upsert(dns_walks, {"name": name, "after": "", "next_at": 0}, ["name"])
    same = (dns_walks.c.name == name, dns_walks.c.after == seen[0], dns_walks.c.next_at == seen[1])
    return tx.run(update(dns_walks).where(*same).values(after=to[0], next_at=to[1])) == 1


def addresses(tx: Read, after: str, limit: int) -> list[Any]:
    """Address, EHLO name and account of the addresses that mail leaves from, behind one."""
    table = source_ips.c
    stmt = select(table.address.label("id"), table.ehlo.label("name"), table.account_id)
    where = (table.enabled.is_(True), table.address > after)
    return list(tx.rows(stmt.where(*where).order_by(table.address).limit(limit)))


def active_domains(tx: Read, after: str, limit: int) -> list[Any]:
    """Id, name and account of the customers' domains that may send, behind an id."""
    table = domains.c
    stmt = select(table.id, table.name, table.account_id)
    where = (table.state == "active", table.type != "sandbox", table.id > after)
    return list(tx.rows(stmt.where(*where).order_by(table.id).limit(limit)))
