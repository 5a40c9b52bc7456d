"""How far back a threshold looks."""

import re
from datetime import UTC, datetime
from typing import Final

from postwright.kernel.clock import SECOND

_PERIOD = re.compile(r"([0-9]{1,3})([hHdDM])", re.ASCII)
_HOURS: Final = {"h": 1, "d": 24}
MAX_HOURS: Final = 30 * 24


def start(period: str, now: int) -> int | None:
    """When a period that ends now began, in microseconds; None when the text is no period, or too long a one.

    `6h` and `2d` are that long; `1M` is the calendar month (UTC) so far.
    """
    found = _PERIOD.fullmatch(period)
    if found is None:
        return None
    if found[2] == "M":
        moment = datetime.fromtimestamp(now / SECOND, UTC)
        first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
        return int(first.timestamp()) * SECOND if int(found[1]) == 1 else None
    hours = int(found[1]) * _HOURS[found[2].lower()]
    return now - hours * 3600 * SECOND if 0 < hours <= MAX_HOURS else None


def silence(period: str, now: int) -> int:
    """Until when a hit that is over stays silent: for as long as its threshold looks back, a day for a month."""
    began = start("1d" if period.endswith("M") else period, now)
    return now + (now - began if began is not None else 3600 * SECOND)
