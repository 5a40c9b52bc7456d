"""Read what was collected."""

from datetime import UTC, datetime
from typing import Any

from postwright import accounts
from postwright.kernel.db import Read

from . import store
from .errors import NotTheOperator
from .report import policies
from .schemas import Day, Place

MAX_DETAILS = 200  # outcomes of one domain and day that are shown


def page(tx: Read, account_id: str, place: Place) -> list[Day]:
    """A page of days, the newest first. Raises NotTheOperator."""
    if accounts.any_account(tx) != account_id:
        raise NotTheOperator
    after = None if place.d is None else (place.d, place.n)
    rows = store.page(
        tx, after, place.limit, domain=place.x, low=place.low, high=place.high, failed=place.failed
    )
    return [_day(tx, row) for row in rows]


def _day(tx: Read, row: Any) -> Day:
    return Day(
        day=f"{datetime.fromtimestamp(row.day * 86400, UTC):%Y-%m-%d}",
        domain=row.domain,
        successful_sessions=int(row.sessions - row.failures),
        failed_sessions=int(row.failures),
        report=row.state or "",
        problem=row.problem or "",
        policies=policies(store.results(tx, row.day, row.domain, MAX_DETAILS)),
    )
