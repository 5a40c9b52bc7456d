"""SQL of copies that are to be archived."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from postwright.kernel.db import Read, Write
from postwright.kernel.db.calls import Calls

from .tables import archive_calls

calls = Calls(archive_calls, ("id", "message_id", "url", "attempts", "lease_token"))


def of_domain(tx: Read, domain_id: str, limit: int) -> list[int]:
    """Calls of a domain."""
    rows = tx.rows(select(archive_calls.c.id).where(archive_calls.c.domain_id == domain_id).limit(limit))
    return [row.id for row in rows]


def remove(tx: Write, keys: Sequence[int]) -> None:
    """Delete calls."""
    tx.run(delete(archive_calls).where(archive_calls.c.id.in_(keys)))
