"""SQL of monthly limits."""

from sqlalchemy import bindparam, case, delete, or_, select, update

from postwright.kernel.db import Prepared, Read, Write

from ..records import MessageLimit
from ..tables import message_limits as limits

_SO_FAR = case((limits.c.month == bindparam("in_month"), limits.c.used), else_=0)
# The one statement that every message of a limited account runs.
_SPEND = Prepared(
    update(limits)
    .where(
        limits.c.account_id == bindparam("account"),
        or_(limits.c.waived == bindparam("in_month"), _SO_FAR + bindparam("count") <= limits.c.maximum),
    )
    .values(
        used=_SO_FAR + bindparam("count"),
        warned=case((limits.c.month == bindparam("in_month"), limits.c.warned), else_=0),
        month=bindparam("in_month"),
    ),
    ("account", "in_month", "count"),
)
_GET = Prepared(
    select(limits.c.maximum, limits.c.month, limits.c.used, limits.c.warned, limits.c.waived).where(
        limits.c.account_id == bindparam("account")
    ),
    ("account",),
)


def get(tx: Read, account_id: str) -> MessageLimit | None:
    """The limit of an account."""
    rows = tx.fetch(_GET, (account_id,))
    return MessageLimit(*rows[0]) if rows else None


def spend(tx: Write, account_id: str, month: int, count: int) -> bool:
    """Count messages of a month; False when the limit, if there is one, does not allow them."""
    return tx.do(_SPEND, (account_id, month, count)) == 1


def put(tx: Write, account_id: str, maximum: int, month: int, used: int) -> None:
    """Set a limit; what is counted already stays counted."""
    values = {
        "account_id": account_id,
        "maximum": maximum,
        "month": month,
        "used": used,
        "warned": 0,
        "waived": 0,
    }
    tx.upsert(limits, values, ["account_id"], ["maximum", "warned", "waived"])


def set_warned(tx: Write, account_id: str, month: int, before: int, now: int) -> bool:
    """Note that a warning was given; False when another one came first."""
    mine = (limits.c.account_id == account_id, limits.c.month == month, limits.c.warned == before)
    return tx.run(update(limits).where(*mine).values(warned=now)) == 1


def waive(tx: Write, account_id: str, month: int) -> bool:
    """Let sending go on in a month; False when there is no limit."""
    return tx.run(update(limits).where(limits.c.account_id == account_id).values(waived=month)) == 1


def remove(tx: Write, account_id: str) -> bool:
    """Have no limit; False when there is none."""
    return tx.run(delete(limits).where(limits.c.account_id == account_id)) == 1
