"""How many messages an account may send in a calendar month (UTC), counted by recipient as they are accepted.

Counting is one UPDATE of one row, in the transaction that accepts the message, and only for accounts that have a
limit. It decides and counts at once, so that parallel processes never let one through too many; the row is locked
after the event log, which every acceptance locks anyway, so that it makes nobody wait who would not wait before.
"""

from datetime import UTC, datetime

from postwright import notices
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.secrets import Vault

from .errors import BadLimit, CannotEnable, LimitSpent, NoLimit
from .records import MessageLimit
from .store import account as find_account
from .store import limits as store
from .store import set_account

MINIMUM = 1000  # behaviour.md 16
MAXIMUM = 2**53
MAX_HOURLY = 10**9
WARNINGS = (50, 75, 100)  # per cent


def month_of(now: int) -> int:
    """The month of a time, as 202611."""
    moment = datetime.fromtimestamp(now / SECOND, UTC)
    return moment.year * 100 + moment.month


def month_start(now: int) -> int:
    """When the month of a time began, in microseconds."""
    moment = datetime.fromtimestamp(now / SECOND, UTC)
    return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * SECOND


def spend(tx: Write, now: int, vault: Vault, account_id: str, count: int, domain: str) -> None:
    """Count messages against the limit of an account that has one. Raises LimitSpent."""
    month = month_of(now)
    if not store.spend(tx, account_id, month, count):
        if store.get(tx, account_id) is not None:  # else it was removed meanwhile
            raise LimitSpent(spent_text(tx, account_id, domain))
        return
    limit = store.get(tx, account_id)
    if limit is not None:
        _warn(tx, now, vault, account_id, limit)


def limit_of(tx: Read, now: int, account_id: str) -> tuple[int, int]:
    """The limit of an account and what of it is used. Raises NoLimit."""
    limit = store.get(tx, account_id)
    if limit is None:
        raise NoLimit
    return limit.maximum, limit.used if limit.month == month_of(now) else 0


def set_limit(tx: Write, now: int, account_id: str, maximum: int, used: int) -> None:
    """Set the limit; `used` is what was accepted this month while there was none. Raises BadLimit."""
    if maximum < MINIMUM:
        raise BadLimit
    before = store.get(tx, account_id)
    store.put(tx, account_id, min(maximum, MAXIMUM), month_of(now), used)
    tx.describe(before={"limit": before.maximum if before else None}, after={"limit": maximum})


def remove_limit(tx: Write, account_id: str) -> None:
    """Have no limit. Raises NoLimit."""
    before = store.get(tx, account_id)
    if before is None or not store.remove(tx, account_id):
        raise NoLimit
    tx.describe(before={"limit": before.maximum})


def enable(tx: Write, now: int, account_id: str) -> None:
    """Let an account that has spent its limit go on until the month ends. Raises CannotEnable."""
    month = month_of(now)
    limit = store.get(tx, account_id)
    spent = limit is not None and limit.month == month and limit.used >= limit.maximum
    if not spent or not store.waive(tx, account_id, month):
        raise CannotEnable
    tx.describe(after={"month": month})


def messages_left(tx: Read, now: int, account_id: str) -> int | None:
    """How many messages the month still allows; None: any number."""
    limit, month = store.get(tx, account_id), month_of(now)
    if limit is None or limit.waived == month:
        return None
    return max(limit.maximum - (limit.used if limit.month == month else 0), 0)


def spent_text(tx: Read, account_id: str, domain: str) -> str:
    """Why an account whose limit is spent sends nothing."""
    limit = store.get(tx, account_id)
    return (
        f"Domain {domain} is not allowed to send: The account has reached its custom message limit of "
        f"{limit.maximum if limit else 0} messages for this month."
    )


def set_hourly(tx: Write, now: int, account_id: str, maximum: int | None) -> None:
    """Let each domain of an account have so many recipients in an hour; None: any number. Raises BadLimit."""
    if maximum is not None and not 1 <= maximum <= MAX_HOURLY:
        raise BadLimit(f"The limit parameter is between 1 and {MAX_HOURLY}")
    before = find_account(tx, account_id)
    set_account(tx, account_id, {"hourly": maximum, "updated_at": now})
    tx.describe(before={"hourly": before.hourly if before else None}, after={"hourly": maximum})


def _warn(tx: Write, now: int, vault: Vault, account_id: str, limit: MessageLimit) -> None:
    """Tell the owner once that a half, three quarters or all of the limit is spent."""
    reached = max((each for each in WARNINGS if limit.used * 100 >= limit.maximum * each), default=0)
    if reached <= limit.warned or not store.set_warned(tx, account_id, limit.month, limit.warned, reached):
        return
    account = find_account(tx, account_id)
    if account is None:
        return
    what = (
        "Sending stops until the next month begins, or until the limit is changed." if reached == 100 else ""
    )
    notices.add(
        tx,
        vault,
        now,
        account.owner_email,
        f"{reached} % of the message limit of {account.name} is used",
        f"{limit.used} of {limit.maximum} messages of this month are used by the account {account.name} "
        f"({account_id}). {what}\n",
    )
