"""How many messages a domain may still send: what its account may in a month, and the domain itself in an hour.

Both are counted by recipient in the transaction that accepts, after the event log's lock, so that many processes
together never let one through too many. Accounts without limits count nothing.
"""

from postwright import accounts
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Write
from postwright.kernel.secrets import Vault

from .records import Sendable
from .store import hours as store

HOUR = 3600 * SECOND


def spend(
    tx: Write, now: int, vault: Vault, domain_id: str, domain: Sendable, account_id: str, count: int
) -> None:
    """Count messages, or none of them. Raises LimitSpent, RateLimited."""
    if domain.hourly is not None and not store.spend(tx, domain_id, now // HOUR, count, domain.hourly):
        raise accounts.hour_spent(domain.name, domain.hourly, now, (now // HOUR + 1) * 3600)
    if domain.is_limited:
        accounts.spend(tx, now, vault, account_id, count, domain.name)


def spend_some(
    tx: Write, now: int, vault: Vault, domain_id: str, domain: Sendable, account_id: str, count: int
) -> tuple[int, str]:
    """Count as many of `count` messages as may be sent; how many those are, and why it is not all ("": it is all).

    The caller holds the event log, so that nobody else counts meanwhile.
    """
    allowed, why = count, ""
    if domain.hourly is not None:
        left = max(domain.hourly - store.used(tx, domain_id, now // HOUR), 0)
        if left < allowed:
            refusal = accounts.hour_spent(domain.name, domain.hourly, now, (now // HOUR + 1) * 3600)
            allowed, why = left, refusal.text
    left_in_month = accounts.messages_left(tx, now, account_id) if domain.is_limited else None
    if left_in_month is not None and left_in_month < allowed:
        allowed, why = left_in_month, accounts.spent_text(tx, account_id, domain.name)
    if allowed:
        spend(tx, now, vault, domain_id, domain, account_id, allowed)
    return allowed, why
