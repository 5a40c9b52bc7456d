"""Dates on the wire: one reader for everything clients send, one writer for each format of behaviour.md 18.2.

Inside, a time is a number of microseconds since the epoch (UTC).
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = int((datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).total_seconds())
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,30})?", re.ASCII)
_ISO = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[T ].*)?", re.ASCII | re.DOTALL)
_FRACTION = re.compile(r"[.,]([0-9]{1,30})", re.ASCII)
_YEAR = re.compile(r"[A-Za-z][ -]+([0-9]{4})\b", re.ASCII)
_LONGEST = 100  # characters; no spelling of a date comes near
GO_ZERO = -62_135_596_800_000_000
"""`Mon, 01 Jan 0001 00:00:00 +0000`: what Go clients send for a time that is not set."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(value: object) -> int:
    """Microseconds since the epoch of an RFC 2822 or ISO 8601 date or of epoch seconds.

    Without a zone UTC is meant. Raises ValueError for anything else, and for years before 1 or after 9999.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
        if not -_LAST <= seconds <= _LAST:  # also refuses NaN
            raise ValueError("date out of range")
        return round(seconds * SECOND)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError("not a date")
    text = value.strip()
    if _NUMBER.fullmatch(text):
        # Not through a float for whole seconds: epoch microseconds would lose digits.
        return parse(float(text) if "." in text else int(text))
    moment = _iso(text) if _ISO.fullmatch(text) else _rfc2822(text)
    return _micros(moment)


def _micros(moment: datetime) -> int:
    gap = moment - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * SECOND + gap.microseconds


def _iso(text: str) -> datetime:
    # Nanoseconds (Go, Java) are cut: datetime keeps six digits.
    text = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text, count=1)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rfc2822(text: str) -> datetime:
    fields = parsedate_tz(text)
    if fields is None:
        raise ValueError("not a date")
    year, month, day, hour, minute, second = fields[:6]
    if written := _YEAR.search(text):
        year = int(written[1])  # the library takes 0001 for a year of two digits
    offset = timedelta(seconds=fields[9] or 0)
    if abs(offset) >= timedelta(days=1):
        raise ValueError("zone out of range")
    try:
        # A leap second (RFC 5322 3.3 allows :60) is the second after it.
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return moment + timedelta(seconds=max(0, second - 59)) - offset
    except OverflowError as far:
        raise ValueError("date out of range") from far


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _rfc(micros: int, zone: str) -> str:
    # Not strftime: day and month names must be English whatever the locale.
    m = _moment(micros)
    return (
        f"{_DAYS[m.weekday()]}, {m.day:02d} {_MONTHS[m.month - 1]} {m.year:04d} "
        f"{m.hour:02d}:{m.minute:02d}:{m.second:02d} {zone}"
    )


def gmt(micros: int) -> str:
    """`Thu, 13 Oct 2011 18:02:00 GMT`: domains, routes, subaccounts."""
    return _rfc(micros, "GMT")


def utc(micros: int) -> str:
    """`Thu, 11 Dec 2025 01:49:40 UTC`: suppressions, templates, stats."""
    return _rfc(micros, "UTC")


def unknown_zone(micros: int) -> str:
    """`Tue, 09 Aug 2011 20:50:27 -0000`: mailing lists. RFC 5322 3.3: UTC, local zone not told."""
    return _rfc(micros, "-0000")


def offset(micros: int) -> str:
    """`Wed, 08 Mar 2023 23:34:57 +0000`: credentials, metrics, account tags, bounce classification."""
    return _rfc(micros, "+0000")


def plain(micros: int) -> str:
    """`2006-01-02T15:04:05`: API keys."""
    return f"{_moment(micros):%Y-%m-%dT%H:%M:%S}"


def plain_micros(micros: int) -> str:
    """`2006-01-02T15:04:05.000000`: users."""
    return f"{_moment(micros):%Y-%m-%dT%H:%M:%S.%f}"


def rfc3339(micros: int) -> str:
    """`2006-01-02T15:04:05Z`: thresholds, account webhooks, warm-ups, domain tags, dynamic pools."""
    return plain(micros) + "Z"


def rfc3339_millis(micros: int) -> str:
    """`2024-07-08T16:30:18.530Z`: `@timestamp` of logs."""
    return f"{plain(micros)}.{micros // 1000 % 1000:03d}Z"


def epoch_float(micros: int) -> float:
    """Seconds with a fraction: `timestamp` of events."""
    return micros / SECOND


def epoch_int(micros: int) -> int:
    """Whole seconds: `delivered-at`, `scheduled-for`, `timestamp` of inbound forms."""
    return micros // SECOND
