import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.mail.addresses import parse_one
from postwright.mail.verp import Bounced, build, read

KEY = b"k" * 32
HOST = "mg.example.com"


def test_the_shape() -> None:
    sender = build(KEY, "be9e4a", "list@lists.example.net", HOST)
    head, rest = sender[:13], sender[13:]
    assert head.startswith("bounce+")
    assert int(head[7:], 16) >= 0
    assert rest == ".be9e4a-list=lists.example.net@mg.example.com"
    assert read(KEY, sender) == Bounced("be9e4a", "list@lists.example.net")


LOCAL = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\.[a-z=-]{1,20})?", fullmatch=True)


@given(st.from_regex(r"[a-z0-9]{1,40}", fullmatch=True), LOCAL, st.sampled_from(["a.co", "long." * 9 + "co"]))
def test_comes_back_and_is_always_an_address(token: str, local: str, domain: str) -> None:
    sender = build(KEY, token, f"{local}@{domain}", HOST)
    assert parse_one(sender).spec == sender  # among other things, at most 64 octets before the @
    bounced = read(KEY, sender)
    assert bounced is not None
    assert bounced.token == token
    assert bounced.recipient in (f"{local}@{domain}", None)
    if len(token) + len(local) + len(domain) + 2 + 14 <= 64:
        assert bounced.recipient is not None
    # Some systems change the case of letters on the way.
    again = read(KEY, sender.upper())
    assert again is not None
    assert again.token == token


@pytest.mark.parametrize("recipient", ['"a b"@b.co', "ü@b.co", "a" * 60 + "@b.co", "a@[192.0.2.1]"])
def test_recipients_that_do_not_fit_are_left_out(recipient: str) -> None:
    sender = build(KEY, "t0", recipient, HOST)
    assert sender.isascii()
    assert read(KEY, sender) == Bounced("t0", None)


def test_forged_ones_are_not_ours() -> None:
    sender = build(KEY, "t0", "a@b.co", HOST)
    for other in (
        sender.replace("a=b.co", "c=b.co"),
        sender.replace(".t0-", ".t1-"),
        sender.replace(HOST, "other.example"),
        sender.replace("-a=b.co", ""),
        "bounce+000000.t0@mg.example.com",
        "bounce@mg.example.com",
        "",
        sender * 20,
        "bounce+ü.x@y",
    ):
        assert read(KEY, other) is None
    assert read(b"other", sender) is None


@pytest.mark.parametrize("token", ["", "a-b", "A", "a" * 41, "a.b", "é"])
def test_tokens_are_plain(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        build(KEY, token, "a@b.co", HOST)
