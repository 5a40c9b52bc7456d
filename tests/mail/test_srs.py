"""Rewritten senders: there and back, and nobody else's."""

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from postwright.mail.srs import Srs

SRS, OTHER = Srs(bytes(32)), Srs(b"x" * 32)
NOW = 1_800_000_000
DAY = 86400


def test_there_and_back() -> None:
    made = SRS.forward("Ann.O'Hara+x=y@there.test", "one.example.com", NOW)
    assert (
        made is not None
        and made.startswith("SRS0=")
        and made.endswith("=there.test=Ann.O'Hara+x=y@one.example.com")
    )
    assert SRS.reverse(made, NOW) == "Ann.O'Hara+x=y@there.test"
    # Letters may change case on the way.
    assert SRS.reverse(made.upper(), NOW) == "ANN.O'HARA+X=Y@THERE.TEST"
    assert SRS.reverse(made.lower(), NOW + 20 * DAY) == "ann.o'hara+x=y@there.test"


def test_two_forwarders_in_a_row() -> None:
    first = OTHER.forward("ann@there.test", "f1.test", NOW)
    assert first is not None
    second = SRS.forward(first, "f2.test", NOW)
    assert second is not None and second.startswith("SRS1=") and "=f1.test==" in second
    assert SRS.reverse(second, NOW) == first
    third = Srs(b"z" * 32)
    again = third.forward(second, "f3.test", NOW)
    assert again is not None and len(again) <= len(second) + 1  # it does not grow: f2 is left out
    assert third.reverse(again, NOW) == first
    assert OTHER.reverse(first, NOW) == "ann@there.test"


@pytest.mark.parametrize(
    "change", [("there.test", "evil.test"), ("ann", "eve"), ("one.example", "two.example")]
)
def test_forged(change: tuple[str, str]) -> None:
    made = SRS.forward("ann@there.test", "one.example.com", NOW)
    assert made is not None
    assert SRS.reverse(made.replace(*change), NOW) is None
    assert OTHER.reverse(made, NOW) is None


def test_too_old() -> None:
    made = SRS.forward("ann@there.test", "one.example.com", NOW)
    assert made is not None
    assert SRS.reverse(made, NOW + 21 * DAY) == "ann@there.test"
    for days in (22, 500, 1000, -1):
        assert SRS.reverse(made, NOW + days * DAY) is None


@pytest.mark.parametrize(
    "sender", ["a" * 60 + "@there.test", '"a b"@there.test', "ü@there.test", "a..b@there.test", "@"]
)
def test_what_cannot_be_rewritten(sender: str) -> None:
    assert SRS.forward(sender, "one.example.com", NOW) is None


@hypothesis_settings(deadline=None)  # the machine may be busy
@given(st.one_of(st.text(max_size=80), st.text("SRS01=+-@ab.2", max_size=60)))
@example("SRS0=aaaaaa=aa=b=c@d")
@example("SRS1=aaaaaa=b==c@d")
@example("SRS0==@")
@example("srs0=\u0131aaaaa=aa=b=c@d")
def test_any_text(text: str) -> None:
    assert SRS.reverse(text, NOW) is None
    made = SRS.forward(text, "us.test", NOW)
    if made is not None and "@" in text:
        assert SRS.reverse(made, NOW) is not None
