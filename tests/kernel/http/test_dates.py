"""Dates: everything clients write, everything clients read."""

from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.kernel.http import dates

T = 1_765_417_780_000_000  # Thu, 11 Dec 2025 01:49:40 UTC


@pytest.mark.parametrize(
    "written",
    [
        "Thu, 11 Dec 2025 01:49:40 UTC",
        "Thu, 11 Dec 2025 01:49:40 GMT",
        "Thu, 11 Dec 2025 01:49:40 +0000",
        "Thu, 11 Dec 2025 01:49:40 -0000",
        "Thu, 11 Dec 2025 03:49:40 +0200",
        "Wed, 10 Dec 2025 20:49:40 EST",
        "11 Dec 2025 01:49:40 +0000",
        "Thu, 11 Dec 25 01:49:40 GMT",
        "  Thu, 11 Dec 2025 01:49:40 GMT ",
        "2025-12-11T01:49:40Z",
        "2025-12-11T01:49:40",
        "2025-12-11 01:49:40",
        "2025-12-11T01:49:40+00:00",
        "2025-12-11T02:49:40+01:00",
        "2025-12-11T01:49:40.000000000Z",
        "20251211T014940Z",
        "1765417780",
        "1765417780.0",
        "1765417780.",
        1765417780,
        1765417780.0,
    ],
)
def test_read(written: object) -> None:
    assert dates.parse(written) == T


def test_read_finer_and_coarser() -> None:
    assert dates.parse("2025-12-11T01:49:40.5Z") == T + 500_000
    assert dates.parse("2025-12-11T01:49:40.123456789Z") == T + 123_456
    assert dates.parse("1765417780.25") == T + 250_000
    assert dates.parse("2025-12-11") == T - T % (86_400 * dates.SECOND)
    assert dates.parse("Sat, 31 Dec 2016 23:59:60 GMT") == dates.parse("Sun, 01 Jan 2017 00:00:00 GMT")
    assert (
        dates.parse("Mon, 01 Jan 0001 00:00:00 +0000") == dates.GO_ZERO == dates.parse("0001-01-01T00:00:00Z")
    )


@pytest.mark.parametrize(
    "written",
    ["", "tomorrow", "nan", "inf", "1e9", "999999999999999", "2025-13-01", "Thu, 32 Dec 2025 01:00:00 GMT",
     "2025-12-11T25:00:00Z", "Thu, 11 Dec 2025 01:49:40 +9999", "9" * 101, None, True, [], float("nan"),
     "Fri, 31 Dec 9999 23:59:59 -2300", "Mon, 01 Jan 0001 00:00:00 +0100"],
)  # fmt: skip
def test_no_date(written: object) -> None:
    with pytest.raises(ValueError):
        dates.parse(written)


def test_write() -> None:
    t = T + 18_530_000
    assert dates.gmt(T) == "Thu, 11 Dec 2025 01:49:40 GMT"
    assert dates.utc(T - 9 * 86_400 * dates.SECOND) == "Tue, 02 Dec 2025 01:49:40 UTC"
    assert dates.unknown_zone(T) == "Thu, 11 Dec 2025 01:49:40 -0000"
    assert dates.offset(T) == "Thu, 11 Dec 2025 01:49:40 +0000"
    assert dates.plain(T) == "2025-12-11T01:49:40"
    assert dates.plain_micros(t + 7) == "2025-12-11T01:49:58.530007"
    assert dates.rfc3339(T) == "2025-12-11T01:49:40Z"
    assert dates.rfc3339_millis(t) == "2025-12-11T01:49:58.530Z"
    assert dates.epoch_float(t) == 1765417798.53
    assert dates.epoch_int(t) == 1765417798


MOMENTS = st.integers(dates.parse("1000-01-01"), dates.parse("9999-12-30"))


@given(MOMENTS)
def test_every_format_is_read_back(moment: int) -> None:
    second = moment // dates.SECOND * dates.SECOND
    for write in (dates.gmt, dates.utc, dates.unknown_zone, dates.offset, dates.plain, dates.rfc3339):
        assert dates.parse(write(moment)) == second, write
    assert dates.parse(dates.plain_micros(moment)) == moment
    assert dates.parse(dates.rfc3339_millis(moment)) == moment // 1000 * 1000
    assert parsedate_to_datetime(dates.offset(moment)).timestamp() == second / dates.SECOND


@given(st.one_of(st.text(max_size=40), st.text("0123456789-:.TZ+, adhunoGMDec", max_size=40)))
def test_garbage_is_no_date_and_nothing_worse(text: str) -> None:
    try:
        moment = dates.parse(text)
    except ValueError:
        return
    assert -(2**63) <= moment < 2**63
