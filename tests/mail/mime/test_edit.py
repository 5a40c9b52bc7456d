import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.mail.headers import HeaderError
from postwright.mail.mime import (
    fit_to_relay,
    insert_headers,
    normalise_newlines,
    parse_head,
    remove_headers,
    set_headers,
)

RAW = (
    b"From me\r\nA: 1\r\nBcc: x@y.co,\r\n\tz@y.co\r\nbcc : w@y.co\r\nC:\t\xff  odd\r\n\r\nBcc: body\r\n\xff\0"
)


def test_removes_whole_fields_and_nothing_else() -> None:
    assert remove_headers(RAW, {"bcc"}) == b"From me\r\nA: 1\r\nC:\t\xff  odd\r\n\r\nBcc: body\r\n\xff\0"
    assert remove_headers(RAW, {"x"}) is RAW
    assert remove_headers(b"Bcc: a@b.co", {"bcc"}) == b""
    assert remove_headers(b"\r\nBcc: body", {"bcc"}) == b"\r\nBcc: body"


def test_inserts_on_top() -> None:
    assert insert_headers(RAW, [("X", "1"), ("Y", "é")]) == b"X: 1\r\nY: =?utf-8?b?w6k=?=\r\n" + RAW
    with pytest.raises(HeaderError):
        insert_headers(RAW, [("X", "1\r\n\r\nbody")])


def test_sets() -> None:
    raw = set_headers(RAW, [("BCC", "new@y.co")])
    assert raw == b"BCC: new@y.co\r\n" + remove_headers(RAW, {"bcc"})


def test_reads_the_head() -> None:
    assert parse_head(RAW) == [
        ("A", "1"),
        ("Bcc", "x@y.co,\tz@y.co"),
        ("bcc", "w@y.co"),
        ("C", "ÿ  odd"),
    ]
    assert parse_head(b"Subject: =?utf-8?q?=C3=A9?=\r\n\r\n") == [("Subject", "=?utf-8?q?=C3=A9?=")]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"a\nb\rc\r\nd\n\r", b"a\r\nb\r\nc\r\nd\r\n\r\n"),
        (b"\r\r\n", b"\r\n\r\n"),
        (b"\n.\n", b"\r\n.\r\n"),
        (b"", b""),
    ],
)
def test_newlines(raw: bytes, clean: bytes) -> None:
    assert normalise_newlines(raw) == clean


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"."])).map(b"".join))
def test_what_is_relayed_has_no_false_end_for_who_drops_nul(raw: bytes) -> None:
    clean = fit_to_relay(raw)
    assert b"\0" not in clean and clean == normalise_newlines(raw.replace(b"\0", b""))
    assert fit_to_relay(clean) is clean


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a"])).map(b"".join))
def test_newlines_come_in_pairs(raw: bytes) -> None:
    clean = normalise_newlines(raw)
    assert not {b"\r", b"\n"} & {bytes([c]) for c in clean.replace(b"\r\n", b"")}
    assert normalise_newlines(clean) is clean
