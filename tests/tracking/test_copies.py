"""Copies: tokens, plain text, and complete messages whose other octets stay."""

import base64
import email
import email.policy
import os
import quopri
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright.accounts import Status
from postwright.domains import Sendable, Tracking
from postwright.kernel.secrets import Vault
from postwright.mail.mime import Attachment, compose, edit_texts, texts
from postwright.tracking import Copy, Plan, Tokens, Wish, make_plan, text
from postwright.tracking.tokens import Click, Unsubscribe, Who, domain_octets, pack_id, unpack_id

VAULT = Vault(bytes(range(32)))
TOKENS = Tokens(VAULT)
ID = "20261127110322.4521c221870b1300@example.com"
WHO = (domain_octets("ab" * 12), pack_id(ID, "example.com"), "bob@example.net")
HOST = "email.example.com"


def copy(recipient: str = "bob@example.net", **plan) -> Copy:
    made = Plan(**{"base": f"http://{HOST}", "clicks": "yes"} | plan)
    return Copy(
        TOKENS,
        made,
        domain="example.com",
        domain_id="ab" * 12,
        message_id=ID,
        recipient=recipient,
        tags=["t"],
    )


def test_tokens_hold_what_they_were_given_and_are_short() -> None:
    sealed = TOKENS.seal("c", HOST, Click(*WHO, "https://example.com/a?b=c"))
    assert TOKENS.click(HOST, sealed) == Click(*WHO, "https://example.com/a?b=c")
    assert len(sealed) < 140 and sealed == TOKENS.seal("c", HOST, Click(*WHO, "https://example.com/a?b=c"))
    assert TOKENS.open(HOST, TOKENS.seal("o", HOST, Who(*WHO))) == Who(*WHO)
    out = Unsubscribe(*WHO, ["a"], "list@example.com")
    assert TOKENS.unsubscribe(HOST, TOKENS.seal("u", HOST, out)) == out


def test_tokens_are_good_for_their_kind_host_and_key_alone() -> None:
    sealed = TOKENS.seal("c", HOST, Click(*WHO, "https://example.com/"))
    assert TOKENS.click("other.example.com", sealed) is None
    assert TOKENS.open(HOST, sealed) is None and TOKENS.unsubscribe(HOST, sealed) is None
    assert Tokens(Vault(os.urandom(32))).click(HOST, sealed) is None
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at in range(len(sealed)):
        other = letters[(letters.index(sealed[at]) + 16) % 64]
        assert TOKENS.click(HOST, sealed[:at] + other + sealed[at + 1 :]) is None
    for junk in ("", "x", sealed[:-2], sealed + "AA", sealed + "=", "é" * 40, "A" * 9000, sealed + "\n"):
        assert TOKENS.click(HOST, junk) is None


@pytest.mark.parametrize(
    "message_id", [ID, "x@y", "20261127110322.4521c221870b1300@other.example", "", "é@x"]
)
def test_message_ids_come_back(message_id: str) -> None:
    assert unpack_id(pack_id(message_id, "example.com"), "example.com") == message_id


def test_mail_addresses_unsubscribe_in_any_case_of_letters() -> None:
    address = TOKENS.mail_address("example.com", ID, "bob@example.net")
    assert len(address.partition("@")[0]) <= 64  # RFC 5321 §4.5.3.1.1
    for seen in (address, address.upper()):
        packed, recipient = TOKENS.mail(seen) or (b"", "")
        assert (unpack_id(packed, "example.com"), recipient) == (ID, "bob@example.net")
    long = "a" * 60 + "@a-very-long-domain-name.example.net"
    assert (TOKENS.mail(TOKENS.mail_address("example.com", "m" * 500, long)) or (b"", ""))[1] == long
    assert TOKENS.mail(address.replace("example.com", "example.org")) is None
    for junk in (
        "u+@example.com",
        "u+aaaaaaaaaaaaaaaa@example.com",
        "u+!!@x",
        "bob@example.com",
        "",
        "u+" + "a" * 2000,
    ):
        assert TOKENS.mail(junk) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("See http://x.example/a.", "See T(http://x.example/a)."),
        ("(http://x/a_(b)) and <https://y/?q=1&r=2>", "(T(http://x/a_(b))) and <T(https://y/?q=1&r=2)>"),
        ("HTTP://X/ ftp://x/ www.example.com xhttp://x/", "T(HTTP://X/) ftp://x/ www.example.com xhttp://x/"),
        ('"http://x/a", http://y/!?', '"T(http://x/a)", T(http://y/)!?'),
        ("http://x/a\r\nhttp://y/b\r\n", "T(http://x/a)\r\nT(http://y/b)\r\n"),
        ("http://, https:// and http://)", "http://, https:// and http://)"),
    ],
)
def test_urls_in_text(source: str, expected: str) -> None:
    link = lambda url: f"T({url})" if url[7:].strip("/") else None  # noqa: E731
    assert text.rewrite(source, link) == expected


def followed(source: str) -> str:
    """The text with each link of ours replaced by where it leads."""
    return re.sub(rf"http://{HOST}/c/([\w-]+)", lambda found: TOKENS.click(HOST, found[1]).url, source)


def test_only_links_change_in_a_whole_message() -> None:
    raw = compose(
        [("Subject", "x"), ("From", "ann@example.com")],
        text="Go to https://example.com/ü now — ok.",
        html="<p>é <a href='https://example.com/?a&amp;b'>x</a>" + "y" * 2000,
        attachments=[Attachment("a.html", "text/html", b"<a href='https://example.com/'>file</a>")],
        boundary_seed="s",
    )
    made = copy().apply(raw)
    before = email.message_from_bytes(raw, policy=email.policy.default)
    after = email.message_from_bytes(made, policy=email.policy.default)
    for kind in ("plain", "html"):
        old, new = (m.get_body((kind,)).get_content() for m in (before, after))
        assert old != new and followed(new).replace("?a&b", "?a&amp;b") == old
    assert [a.get_content() for a in after.iter_attachments()] == [
        a.get_content() for a in before.iter_attachments()
    ]
    assert made == copy().apply(raw) and made != copy("eve@example.net").apply(raw)


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "shift_jis", "gb18030", "koi8-r"])
@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
def test_charset_and_transfer_encoding_stay(charset: str, encoding: str) -> None:
    words = {"shift_jis": "日本語ソ", "gb18030": "中文鷗", "koi8-r": "русский"}.get(charset, "Grüße é")
    body = f"<p>{words} <a href='https://example.com/'>{words}</a></p>\r\n".encode(charset)
    transferred = body
    if encoding == "base64":
        transferred = base64.encodebytes(body).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        transferred = quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    head = f"Subject: x\r\nContent-Type: text/html; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    made = copy().apply(head.encode() + transferred)
    assert made.startswith(head.encode())
    (found,) = texts(made)
    assert followed(found[1]).rstrip() == body.decode(charset).rstrip() and "/c/" in found[1]


def test_octets_that_are_no_text_of_the_charset_stay() -> None:
    raw = b"Content-Type: text/html; charset=utf-8\r\n\r\n\xff\xfe<a href='https://example.com/'>\xe9</a>"
    made = copy().apply(raw)
    assert b"\xff\xfe<a href='http://email.example.com/c/" in made or b"=FF=FE<a href" in made
    shifted = b"Content-Type: text/html; charset=iso-2022-jp\r\n\r\n\x1b$B<a href='https://x/'>\xff"
    assert copy().apply(shifted) == shifted


SEALED = [
    b'Content-Type: multipart/signed; boundary=b; protocol="application/pgp-signature"\r\n\r\n--b\r\n'
    b"Content-Type: text/html\r\n\r\n<a href='https://example.com/'>\r\n--b--\r\n",
    b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nhttps://example.com/\r\n--b--\r\n",
    b"Content-Type: application/pkcs7-mime\r\n\r\n<a href='https://example.com/'>",
    b"Subject: x\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nhttps://example.com/\r\n",
    b'Content-Type: text/html; name="a.html"\r\n\r\n<a href="https://example.com/">',
    b"Content-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\n<a href='https://example.com/'>",
    b"Content-Type: text/html\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n<a href='https://example.com/'>",
]


@pytest.mark.parametrize("raw", SEALED)
def test_sealed_parts_and_files_are_not_touched(raw: bytes) -> None:
    assert copy(opens=True).apply(raw) == raw


def test_a_line_that_would_grow_too_long_is_encoded() -> None:
    line = "<a href='https://example.com/'>x</a>" * 25
    raw = f"Content-Type: text/html\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{line}\r\n".encode()
    made = copy().apply(raw)
    assert b"Content-Transfer-Encoding: quoted-printable" in made and max(map(len, made.split(b"\r\n"))) <= 76
    (found,) = texts(made)
    assert followed(found[1]).strip() == line


def test_what_is_not_rewritten() -> None:
    page = f'<a href="http://{HOST}/x"><a href="HTTPS://{HOST.upper()}"><a href="https://a/{"x" * 5000}">'
    raw = b"Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + page.encode() + b"\r\n"
    assert copy().apply(raw) == raw
    amp = b"Content-Type: text/x-amp-html\r\n\r\n<a href='https://example.com/'>\r\n"
    assert copy(opens=True).apply(amp) == amp
    assert b"/c/" in copy(base=f"https://{HOST}").apply(amp)
    plain = b"Subject: x\r\n\r\nhttps://example.com/\r\n"
    assert copy(clicks="htmlonly", opens=True).apply(plain) == plain


def test_footers_and_their_charset() -> None:
    raw = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nHello.\r\n"
    made = copy(clicks="no", text_footer="\n\nAbmelden für %unsubscribe_url%\n").apply(raw)
    message = email.message_from_bytes(made, policy=email.policy.default)
    assert re.fullmatch(rf"Hello\.\s+Abmelden für http://{HOST}/u/[\w-]+\s+", message.get_content())
    page = b"Content-Type: text/html; charset=us-ascii\r\n\r\n<body>x</body>\r\n"
    made = copy(clicks="no", html_footer="<p>für</p>").apply(page)
    assert b"<body>x<p>f&#252;r</p></body>" in made


def test_list_unsubscribe_is_added_once_and_left_alone_when_given() -> None:
    raw = b"Subject: x\r\n\r\nHello.\r\n"
    made = copy(clicks="no", unsubscribes=True).apply(raw)
    assert made.endswith(raw) and made.startswith(
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nList-Unsub"
    )
    own = b"List-Unsubscribe: <mailto:x@example.com>\r\n\r\nHello.\r\n"
    assert copy(clicks="no", unsubscribes=True).apply(own) == own
    given = b"Subject: =?utf-8?q?f=C3=BCr?= %unsubscribe_email%\r\nX-Two: same\r\n\r\n%mailing_list_unsubscribe_url%"
    made = copy(clicks="no", variables=True).apply(given)
    assert b"X-Two: same\r\n" in made and b"%unsubscribe_email%" not in made
    assert made.endswith(b"%mailing_list_unsubscribe_url%")  # it goes to no list
    listed = copy(clicks="no", variables=True, mailing_list="l@example.com").apply(given)
    token = re.search(rb"/u/([\w-]+)$", listed)[1].decode()
    assert TOKENS.unsubscribe(HOST, token).mailing_list == "l@example.com"


def sendable(url: str = "", **tracking) -> Sendable:
    return Sendable(
        name="d.example",
        state="active",
        is_disabled=False,
        type="custom",
        tracking=Tracking(**tracking),
        tracking_url=url,
        require_tls=False,
        skip_verification=False,
        archive_to="",
        queue_lifetime=0,
        account_status=Status.OPEN,
        account_may_send=True,
        is_limited=False,
    )


@pytest.mark.parametrize(
    ("held", "wish", "opens", "clicks"),
    [
        ({"opens": True, "clicks": "yes"}, Wish(), True, "yes"),
        ({"opens": True, "clicks": "yes"}, Wish(opens=False, clicks="no"), None, None),
        ({}, Wish(clicks="htmlonly"), False, "htmlonly"),
        ({"clicks": "yes"}, Wish(opens=True, clicks="htmlonly"), True, "htmlonly"),
    ],
)
def test_plans(held: dict, wish: Wish, opens: bool | None, clicks: str | None) -> None:
    made = make_plan(sendable(**held), wish, fallback="http://f/", variables=False)
    if opens is None:
        assert made is None
    else:
        assert made is not None and (made.opens, made.clicks, made.base) == (opens, clicks, "http://f")
    verified = make_plan(sendable("https://email.x", opens=True), wish, fallback="http://f", variables=True)
    assert verified is not None and verified.base == "https://email.x" and not verified.text_footer


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"quoted-printable", b"base64", b"8bit"]))
def test_any_message_survives(body: bytes, encoding: bytes) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n"
    raw += b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body + b"\r\n--b--\r\n"
    assert edit_texts(raw, lambda kind, content: content) is raw
    copy(opens=True, html_footer="x").apply(raw)
