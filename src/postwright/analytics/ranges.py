"""From when to when a question is about."""

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from postwright.kernel.clock import SECOND

from .errors import BadQuery
from .ledger import FOREVER

RESOLUTIONS: Final = ("hour", "day", "month")
_UNITS: Final = {"h": "hour", "d": "day", "m": "month"}
_SECONDS: Final = {"hour": 3600, "day": 86400}
_DURATION: Final = re.compile(r"\s*([0-9]{1,5})\s*([hdm])\s*", re.ASCII)
_DEFAULT_DAYS: Final = 7


class Span(msgspec.Struct, frozen=True):
    """Two times in microseconds, rounded down to the resolution; the last hour, day or month is meant whole."""

    start: int
    end: int
    resolution: str
    duration: str

    @property
    def high(self) -> int:
        """The first moment that is not meant any more."""
        return step(self.end, self.resolution)


def truncate(at: int, resolution: str) -> int:
    """The beginning of the hour, day or month (UTC) around a time."""
    if resolution == "month":
        moment = datetime.fromtimestamp(at // SECOND, UTC)
        return _month(moment.year * 12 + moment.month - 1)
    return at - at % (_SECONDS[resolution] * SECOND)


def step(at: int, resolution: str) -> int:
    """The beginning of the next hour, day or month after the one that begins `at`."""
    if resolution == "month":
        return back(at, -1, "month")
    return at + _SECONDS[resolution] * SECOND


def back(at: int, number: int, unit: str) -> int:
    """A time `number` hours, days or months earlier; of months the same day, or their last one."""
    if unit != "month":
        return at - number * _SECONDS[unit] * SECOND
    moment = datetime.fromtimestamp(at // SECOND, UTC)
    months = moment.year * 12 + moment.month - 1 - number
    first, following = _month(months), _month(months + 1)
    into = (moment.day - 1) * 86400 * SECOND + at % (86400 * SECOND)
    return min(first + into, following - 1)


def _month(number: int) -> int:
    year, month = divmod(number, 12)
    if not 1 <= year <= 9998:
        raise BadQuery("'duration' attribute is invalid")
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * SECOND


def duration(text: str) -> tuple[int, str] | None:
    """The number and unit (hour, day, month) of `<n>h`, `<n>d` or `<n>m`; None of an empty text."""
    if not text.strip():
        return None
    found = _DURATION.fullmatch(text.lower())
    if found is None or not int(found[1]):
        raise BadQuery("'duration' attribute is invalid")
    return int(found[1]), _UNITS[found[2]]


def span(now: int, start: int | None, end: int | None, resolution: str, length: str) -> Span:
    """What a request for figures is about. Raises BadQuery."""
    wanted = resolution.strip().lower() or "day"
    if wanted not in RESOLUTIONS:
        raise BadQuery("'resolution' attribute is invalid")
    low, high = bounds(now, start, end, length, back(now if end is None else end, _DEFAULT_DAYS, "day"))
    first, last = truncate(low, wanted), truncate(high, wanted)
    return Span(first, last, wanted, length.strip() or f"{max(1, (last - first) // (86400 * SECOND))}d")


def bounds(now: int, start: int | None, end: int | None, length: str, otherwise: int) -> tuple[int, int]:
    """The first and the last moment meant; `otherwise` is the start when nothing tells it. Raises BadQuery."""
    high = now if end is None else end
    given = duration(length)
    low = otherwise if start is None else start
    if given is not None:
        low = back(high, *given)
    if low > high:
        raise BadQuery("'start' must not be after 'end'")
    if not 0 <= low <= high < FOREVER:
        raise BadQuery("'start' or 'end' attribute is invalid")
    return low, high
