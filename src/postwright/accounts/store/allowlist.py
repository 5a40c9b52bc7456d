"""SQL of the addresses that an account's keys work from."""

from sqlalchemy import delete, func, select, update

from postwright.kernel.db import Read, Write

from ..tables import ip_allowlist


def entries(tx: Read, account_id: str) -> list[tuple[str, str]]:
    """Addresses and descriptions, oldest first."""
    stmt = select(ip_allowlist.c.address, ip_allowlist.c.description)
    mine = stmt.where(ip_allowlist.c.account_id == account_id)
    rows = tx.rows(mine.order_by(ip_allowlist.c.created_at, ip_allowlist.c.address))
    return [(row.address, row.description) for row in rows]


def count(tx: Read, account_id: str) -> int:
    """How many entries an account has."""
    return int(tx.scalar(select(func.count()).where(ip_allowlist.c.account_id == account_id)))


def put(tx: Write, account_id: str, address: str, description: str, now: int) -> None:
    """Add an entry, or give it another description."""
    values = {"account_id": account_id, "address": address, "description": description, "created_at": now}
    tx.upsert(ip_allowlist, values, ["account_id", "address"], ["description"])


def describe(tx: Write, account_id: str, address: str, description: str) -> bool:
    """Give an entry another description; False when there is none."""
    mine = (ip_allowlist.c.account_id == account_id, ip_allowlist.c.address == address)
    return tx.run(update(ip_allowlist).where(*mine).values(description=description)) == 1


def remove(tx: Write, account_id: str, address: str) -> bool:
    """Remove an entry; False when there is none."""
    mine = (ip_allowlist.c.account_id == account_id, ip_allowlist.c.address == address)
    return tx.run(delete(ip_allowlist).where(*mine)) == 1
