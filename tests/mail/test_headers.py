import email
import email.policy
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.mail import headers, params
from postwright.mail.headers import HeaderError

VALUE = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=300)


def body(field: bytes) -> bytes:
    return field.partition(b":")[2].removesuffix(b"\r\n")


@given(VALUE)
def test_any_value_survives(value: str) -> None:
    field = headers.encode("Subject", value)
    assert field.isascii()
    assert field.endswith(b"\r\n")
    lines = field[:-2].split(b"\r\n")
    assert all(line.strip() for line in lines)
    assert all(line.startswith((b" ", b"\t")) for line in lines[1:])
    assert all(len(line) <= 998 for line in lines)
    # Space around a field body is not part of it; the rest is, and both readers see the same.
    if "=?" not in value:
        assert headers.decode(headers.text(body(field))) == value.strip(" \t")


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=30), min_size=1, max_size=60))
def test_folds_where_a_line_should_end(words: list[str]) -> None:
    field = headers.encode("X-Words", " ".join(words))
    assert max(map(len, field.split(b"\r\n"))) <= 78
    assert email.message_from_bytes(field, policy=email.policy.default)["X-Words"] == " ".join(words)


@given(st.text(alphabet=st.characters(min_codepoint=0xA1, max_codepoint=0x2FFF), min_size=1, max_size=200))
def test_lines_with_encoded_words_end_at_column_76(value: str) -> None:
    field = headers.encode("Subject", f"plain {value}")
    assert max(map(len, field.split(b"\r\n"))) <= 76
    assert headers.decode(headers.text(body(field))) == f"plain {value}"


@pytest.mark.parametrize("evil", ["\r\nBcc: x@y.co", "a\nb", "a\rb", "\0", "a\r\n b", "é\n", "\ud800"])
@pytest.mark.parametrize("name", ["Subject", "From", "X-Any", "Content-Type"])
def test_values_cannot_break_out(name: str, evil: str) -> None:
    with pytest.raises(HeaderError):
        headers.encode(name, f"x{evil}")
    with pytest.raises(HeaderError):
        headers.check_value(evil)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", "a\0", "a\x7f", "x" * 201])
def test_bad_names(name: str) -> None:
    with pytest.raises(HeaderError):
        headers.encode(name, "x")
    with pytest.raises(HeaderError):
        headers.check_name(name)


def test_overlong_words() -> None:
    # Free text is broken by encoding it, but an identifier would no longer be one.
    value = f'{{"a":"{"x" * 3000}"}}'
    field = headers.encode("X-Mailgun-Variables", value)
    assert max(map(len, field.split(b"\r\n"))) <= 998
    assert headers.decode(headers.text(body(field))) == value
    with pytest.raises(HeaderError):
        headers.encode("References", f"<{'a' * 1000}@b.co>")


def test_names_of_addresses_are_encoded_and_addresses_are_not() -> None:
    field = headers.encode("Reply-To", 'Jörg <j@b.co>, "a, b" <c@b.co>')
    read = email.message_from_bytes(field, policy=email.policy.default)["Reply-To"]
    assert [(a.display_name, a.addr_spec) for a in read.addresses] == [("Jörg", "j@b.co"), ("a, b", "c@b.co")]


def test_a_local_part_outside_ascii_stays_utf8() -> None:
    assert headers.encode("To", "用户@b.co") == "To: 用户@b.co\r\n".encode()


def test_parsing_keeps_octets_and_order() -> None:
    raw = b"From me Mon\r\nA: 1\r\nB:\tx\r\n  y\r\nnonsense\r\na : \xff\r\nEmpty:\r\n\r\nC: body\r\n"
    assert headers.parse(raw) == [("A", b" 1"), ("B", b"\tx\r\n  y"), ("a", b" \xff"), ("Empty", b"")]
    assert headers.text(b"\tx\r\n  y") == "x  y"
    assert headers.text(b" \xff") == "ÿ"
    assert headers.text(" é".encode()) == "é"


@pytest.mark.parametrize(
    ("raw", "rest"),
    [
        (b"A: b\r\n\r\nbody", b"body"),
        (b"A: b\n\nbody\r\n\r\n", b"body\r\n\r\n"),
        (b"A: b\n\r\nbody", b"body"),
        (b"\r\nbody", b"body"),
        (b"\nbody", b"body"),
        (b"A: b\r\n", b""),
        (b"", b""),
    ],
)
def test_where_the_body_starts(raw: bytes, rest: bytes) -> None:
    assert raw[headers.split(raw) :] == rest


def test_dates() -> None:
    assert headers.format_date(1767092602) == "Tue, 30 Dec 2025 11:03:22 +0000"
    assert headers.format_date(1767092602, "GMT") == "Tue, 30 Dec 2025 11:03:22 GMT"


@given(st.integers(0, 4_000_000_000))
def test_dates_are_read_back(seconds: int) -> None:
    assert parsedate_to_datetime(headers.format_date(seconds)).timestamp() == seconds


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=120))
def test_filenames_survive(name: str) -> None:
    field = f"attachment{params.filename(name)}"
    lines = field.split("\r\n")
    assert field.isascii()
    assert all(line.startswith(" ") for line in lines[1:])
    assert max(map(len, lines)) <= 998
    clean = params._CONTROL.sub("_", name)
    assert params.parse(field.replace("\r\n", ""))[1]["filename"] == clean
    part = email.message_from_bytes(f"Content-Disposition: {field}\r\n\r\n".encode())
    assert part.get_filename("") == clean.strip() or clean != clean.strip()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("attachment; filename=a.txt", "a.txt"),
        ('attachment; filename="a \\"b\\".txt"; size=3', 'a "b".txt'),
        ("attachment; filename*=UTF-8''%e2%82%ac%20rates", "€ rates"),
        ("attachment; filename*=iso-8859-1'en'%A3%20rates", "£ rates"),
        ('attachment; filename*0=long; filename*1=" name"; filename*2*=%2Etxt', "long name.txt"),
        ("attachment; filename*0*=utf-8''%C3; filename*1*=%A9.txt", "é.txt"),
        ('attachment; filename="日本.txt"', "日本.txt"),
        ('attachment; filename="=?utf-8?B?w6kudHh0?="', "é.txt"),
        ("attachment; filename=plain.txt; filename*=utf-8''%C3%A9.txt", "é.txt"),
        ('attachment; x="; filename=wrong"; filename=right', "right"),
        ("attachment; filename*=nonsense", "nonsense"),
        ('attachment; filename="open', "open"),
    ],
)
def test_filenames_as_others_write_them(text: str, name: str) -> None:
    assert params.parse(text)[1]["filename"] == name


@given(st.text(alphabet="a;=\"*'%0\\ \r\n,é", max_size=60))
def test_parameters_never_raise(text: str) -> None:
    params.parse(text)
