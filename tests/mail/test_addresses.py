from email.headerregistry import HeaderRegistry

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.mail import addresses
from postwright.mail.addresses import Address, AddressError, parse_list, parse_one

VALID = [
    ("a@b.co", "", "a", "b.co"),
    ("  a@B.Co\t", "", "a", "b.co"),
    ("<a@b.co>", "", "a", "b.co"),
    ("Alice <a@b.co>", "Alice", "a", "b.co"),
    ('"Alice, the \\"A\\"" <a@b.co>', 'Alice, the "A"', "a", "b.co"),
    ("Alice Q. Public <a@b.co>", "Alice Q. Public", "a", "b.co"),
    ("O'Neil & Co <a@b.co>", "O'Neil & Co", "a", "b.co"),
    ("a@b.co <a@b.co>", "a@b.co", "a", "b.co"),
    ("Jörg <a@b.co>", "Jörg", "a", "b.co"),
    ("=?utf-8?q?Doe=2C_J=C3=B6rg?= <a@b.co>", "Doe, Jörg", "a", "b.co"),
    ("a@b.co (Alice)", "Alice", "a", "b.co"),
    ("Alice (at (nested) home) <a@b.co> (x)", "Alice", "a", "b.co"),
    ("a (x) @ (y) b.co", "x", "a", "b.co"),
    ("first.last+tag=1@sub.b-c.co", "", "first.last+tag=1", "sub.b-c.co"),
    ('"john doe"@b.co', "", '"john doe"', "b.co"),
    ('"john.doe"@b.co', "", "john.doe", "b.co"),
    ('"a@b"@b.co', "", '"a@b"', "b.co"),
    ("用户@例え.jp", "", "用户", "xn--r8jz45g.jp"),
    ("a@BÜCHER.de", "", "a", "xn--bcher-kva.de"),
    ("a@xn--bcher-kva.de", "", "a", "xn--bcher-kva.de"),
    ("a@my_host.b.co", "", "a", "my_host.b.co"),
    ("a@localhost", "", "a", "localhost"),
    ("a@[192.0.2.1]", "", "a", "[192.0.2.1]"),
    ("a@[IPv6:2001:DB8::1]", "", "a", "[IPv6:2001:db8::1]"),
    ("a" * 64 + "@b.co", "", "a" * 64, "b.co"),
    ("a@" + "b" * 63 + ".co", "", "a", "b" * 63 + ".co"),
]


@pytest.mark.parametrize(("text", "name", "local", "domain"), VALID)
def test_reads_an_address(text: str, name: str, local: str, domain: str) -> None:
    found = parse_one(text)
    assert found == Address(name, local, domain)
    assert found.spec == f"{local}@{domain}"
    assert parse_one(found.header()) == found


INVALID = [
    "a",
    "a@",
    "@b.co",
    "a b@c.co",
    "Alice a@b.co",
    "a@b.co Alice",
    "a@b..co",
    "a@.b.co",
    "a@b.co.",
    "a@-b.co",
    "a@b-.co",
    "a@_.co",
    "a@__",
    "a@1.2.3.4",
    "a@b c.co",
    "a@b/c.co",
    "a@[1.2.3]",
    "a@[IPv6:x]",
    "a@[evil]",
    "a@b@c.co",
    ".a@b.co",
    "a.@b.co",
    "a..b@c.co",
    '"a" "b"@c.co',
    '"a".b@c.co',
    "a@\ud800.co",
    "a\ud800@b.co",
    "a@" + "ü" * 80 + ".de",
    "a@b.co>",
    "<a@b.co",
    "<<a@b.co>>",
    "<a@b.co> <c@d.co>",
    "<>",
    "<@relay.co:a@b.co>",
    "a@b.co (",
    "a@b.co )",
    '"a@b.co',
    "a\\b@c.co",
    "Group: a@b.co",
    ": a@b.co;",
    "G: H: a@b.co;;",
    "a" * 65 + "@b.co",
    "ü" * 33 + "@b.co",
    "a@" + "b" * 64 + ".co",
    "a" * 60 + "@" + ".".join(["b" * 60] * 4),
    "a@" + ".".join(["b" * 60] * 5),
    "N" * 1001 + " <a@b.co>",
    *(f"a{c}@b.co" for c in "\r\n\0\x0b\x7f\x85\u2028"),
    "Alice\r\nBcc: x@y.co <a@b.co>",
    '"Alice\n" <a@b.co>',
]


@pytest.mark.parametrize("text", INVALID)
def test_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_list(text)
    assert str(caught.value)


def test_lists_take_commas_semicolons_and_groups() -> None:
    text = 'a@b.co,B <b@b.co>; Friends: c@b.co, "D, d" <d@b.co>;, e@b.co,, ;undisclosed-recipients:;f@b.co'
    assert [a.local for a in parse_list(text)] == ["a", "b", "c", "d", "e", "f"]
    assert parse_list("") == parse_list(" ,; ") == []


@pytest.mark.parametrize("text", ["", "a@b.co, c@d.co", " "])
def test_one_means_one(text: str) -> None:
    with pytest.raises(AddressError):
        parse_one(text)


def test_input_is_bounded() -> None:
    for text in (" " * (addresses.MAX_TEXT + 1), "a@b.co," * 5001, "Ü <a@b.co>," * 5001):
        with pytest.raises(AddressError):
            parse_list(text)


@given(
    st.sampled_from([text for text, *_ in VALID] + INVALID + ["", "G: a@b.co;"]),
    st.sampled_from([text for text, *_ in VALID] + INVALID),
)
def test_the_fast_path_reads_as_the_full_parser_does(first: str, second: str) -> None:
    text = f"{first}, {second}"

    def outcome(parse: object) -> object:
        try:
            return parse(text)  # type: ignore[operator]
        except AddressError:
            return "refused"

    assert outcome(parse_list) == outcome(lambda t: addresses._Parser(t).run())


@given(st.text(alphabet='aA1.@<>(),;:"\\[]- \té\r', max_size=40))
def test_any_text_is_read_the_same_way_or_refused(text: str) -> None:
    try:
        found = parse_list(text)
    except AddressError:
        with pytest.raises(AddressError):
            addresses._Parser(text).run()
        return
    assert found == addresses._Parser(text).run()
    assert parse_list(", ".join(a.header() for a in found)) == found


@given(st.text(max_size=120))
def test_any_name_survives_the_header_and_cannot_break_it(name: str) -> None:
    header = Address(name, "a", "b.co").header()
    assert header.isascii()
    assert header.isprintable()
    read = HeaderRegistry()("From", header).addresses
    assert [a.addr_spec for a in read] == ["a@b.co"]
    clean = addresses._FORBIDDEN.sub(" ", name)
    assert parse_one(header).name.split() == clean.split()
