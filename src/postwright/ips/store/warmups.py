"""SQL of warm-ups."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update

from postwright.kernel.db import Read, Write

from ..tables import ip_warmup_shares, ip_warmups


def warming(tx: Read) -> frozenset[str]:
    """The addresses that are being warmed up."""
    return frozenset(row.address for row in tx.rows(select(ip_warmups.c.address)))


def locked(tx: Write, address: str) -> Any:
    """A plan, which nobody else changes until commit; None when there is none."""
    return tx.row(select(ip_warmups).where(ip_warmups.c.address == address).with_for_update())


def plan(tx: Read, address: str) -> Any:
    """A plan, or None."""
    return tx.row(select(ip_warmups).where(ip_warmups.c.address == address))


def page(tx: Read, account_id: str, after: str, limit: int, *, backwards: bool = False) -> list[Any]:
    """Plans of an account behind (or before) an address."""
    key = ip_warmups.c.address
    where = [ip_warmups.c.account_id == account_id]
    if after:
        where.append(key < after if backwards else key > after)
    rows = tx.rows(select(ip_warmups).where(*where).order_by(key.desc() if backwards else key).limit(limit))
    return list(rows)[::-1] if backwards else list(rows)


def insert_plan(tx: Write, values: Mapping[str, Any]) -> bool:
    """Begin a plan; False when there is one."""
    return tx.upsert(ip_warmups, values, ["address"]) == 1


def set_plan(tx: Write, address: str, values: Mapping[str, Any]) -> None:
    """Change a plan."""
    tx.run(update(ip_warmups).where(ip_warmups.c.address == address).values(**values))


def end_plan(tx: Write, address: str) -> bool:
    """Forget a plan; False when there was none."""
    tx.run(delete(ip_warmup_shares).where(ip_warmup_shares.c.address == address))
    return tx.run(delete(ip_warmups).where(ip_warmups.c.address == address)) == 1


def started_before(tx: Read, at: int, limit: int) -> Sequence[str]:
    """Addresses whose day began before a time."""
    rows = tx.rows(select(ip_warmups.c.address).where(ip_warmups.c.day_started_at <= at).limit(limit))
    return [row.address for row in rows]


def share(tx: Read, address: str, provider: str) -> Any:
    """What a provider had of the caps."""
    return tx.row(
        select(ip_warmup_shares).where(
            ip_warmup_shares.c.address == address, ip_warmup_shares.c.provider == provider
        )
    )


def set_share(tx: Write, values: Mapping[str, Any]) -> None:
    """Change what a provider had of the caps."""
    columns = ["day_started_at", "hour_started_at", "day_sent", "hour_sent"]
    tx.upsert(ip_warmup_shares, values, ["address", "provider"], columns)
