"""SQL of calls that tell of received mail."""

from sqlalchemy import select

from postwright.accounts import accounts
from postwright.kernel.db import Read
from postwright.kernel.db.calls import Calls

from .tables import inbound_calls

calls = Calls(
    inbound_calls,
    (
        "id",
        "account_id",
        "domain_id",
        "message",
        "recipient",
        "kind",
        "url",
        "attempts",
        "created_at",
        "lease_token",
    ),
)


def parent(tx: Read, account_id: str) -> str | None:
    """The parent of a subaccount."""
    found: str | None = tx.scalar(select(accounts.c.parent_id).where(accounts.c.id == account_id))
    return found
