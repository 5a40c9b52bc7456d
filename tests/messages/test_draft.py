"""Drafts: forms and complete messages become the same thing, or are refused."""

import email
import email.policy
import json

import pytest

from postwright.kernel.clock import SECOND
from postwright.mail.addresses import parse_one
from postwright.messages.draft import Draft, Form, envelope, from_form, from_mime
from postwright.messages.errors import BadParameter, Looping, NoRecipients, TooManyRecipients
from postwright.messages.options import parse
from postwright.messages.records import FormContent, MimeContent, Part

NOW = 1_800_000_000 * SECOND
ID = "20270115080000.0123456789abcdef@example.com"


def draft(raw_options: dict[str, list[str]] | None = None, **fields) -> Draft:
    form = Form(**{"from_": "Ann <ann@example.com>", "to": ["bob@example.net"], "text": "Hi", **fields})
    return from_form(form, parse(raw_options or {}, NOW), "example.com", ID, NOW)


def read(made: Draft):
    assert isinstance(made.content, MimeContent)
    return email.message_from_bytes(made.content.raw, policy=email.policy.default)


def test_a_form_becomes_a_message() -> None:
    made = draft(
        {"h:X-Own": ["1"], "h:Reply-To": ["r@example.com"], "v:k": ["v"], "o:tag": ["t"]},
        to=["bob@example.net, Eve <eve@example.org>"],
        cc=["carl@example.net"],
        bcc=["dora@example.net"],
        subject="Grüße",
        html="<b>Hi</b>",
        attachments=[Part("a.txt", "text/plain", b"file")],
    )
    message = read(made)
    assert message["From"] == "Ann <ann@example.com>" and message["Sender"] == "ann@example.com"
    assert message["To"] == "bob@example.net, Eve <eve@example.org>" and message["Cc"] == "carl@example.net"
    assert message["Bcc"] is None and b"dora" not in made.content.raw
    assert (
        message["Subject"] == "Grüße" and message["X-Own"] == "1" and message["Reply-To"] == "r@example.com"
    )
    assert message["Message-Id"] == f"<{ID}>" and message["X-Mailgun-Tag"] == "t"
    assert json.loads(message["X-Mailgun-Variables"]) == {"k": "v"}
    assert message["Date"].datetime.timestamp() == NOW / SECOND
    assert [t.address.spec for t in made.targets] == [
        "bob@example.net",
        "eve@example.org",
        "carl@example.net",
        "dora@example.net",
    ]
    assert made.size == len(made.content.raw)
    assert [(a.filename, a.size) for a in made.attachments] == [("a.txt", 4)]


def test_duplicates_are_dropped_silently() -> None:
    made = draft(to=["bob@example.net", "BOB@example.net"], cc=["bob@EXAMPLE.net"])
    assert len(made.targets) == 1


def test_sending_for_another_domain_says_who_sends() -> None:
    assert read(draft(from_="alice@example.org"))["Sender"] == "alice=example.org@example.com"


def test_own_message_id_is_kept() -> None:
    assert draft({"h:Message-Id": ["<mine@example.com>"]}).message_id == "mine@example.com"
    with pytest.raises(BadParameter):
        draft({"h:Message-Id": ["<a b@example.com>"]})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"from_": ""}, "from parameter is missing"),
        ({"from_": "nobody"}, "from parameter is not a valid address. please check documentation"),
        ({"to": ["x@"]}, "to parameter is not a valid address. please check documentation"),
        ({"cc": ["x y z"]}, "cc parameter is not a valid address. please check documentation"),
        ({"bcc": ["a@b\r\nX: y"]}, "bcc parameter is not a valid address. please check documentation"),
        (
            {"subject": "a\r\nBcc: x@y.z"},
            "subject parameter is not valid: a header value must not contain line breaks",
        ),
        (
            {"text": None},
            "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified",
        ),
    ],
)
def test_refusals(fields, message: str) -> None:
    with pytest.raises(BadParameter) as refused:
        draft(**fields)
    assert refused.value.body()["message"] == message


def test_recipient_counts() -> None:
    with pytest.raises(NoRecipients):
        draft(to=[" "])
    many = ",".join(f"u{n}@example.net" for n in range(1000))
    assert len(draft(to=[many]).targets) == 1000
    with pytest.raises(TooManyRecipients):
        draft(to=[many], cc=["one.more@example.net"])
    with pytest.raises(TooManyRecipients):
        envelope([many, "one.more@example.net"])


def test_batches_keep_fields_and_give_each_recipient_its_own() -> None:
    made = draft(
        {"recipient-variables": ['{"bob@example.net": {"n": "1"}}']},
        to=["Bob B <bob@example.net>", "eve@example.org"],
        cc=["carl@example.net"],
        subject="for %recipient.n%",
    )
    assert isinstance(made.content, FormContent)
    assert [(t.address.spec, t.personal.to, t.personal.variables) for t in made.targets if t.personal] == [
        ("bob@example.net", "Bob B <bob@example.net>", {"n": "1"}),
        ("carl@example.net", "Bob B <bob@example.net>", {"n": "1"}),
        ("eve@example.org", "eve@example.org", {}),
        ("carl@example.net", "eve@example.org", {}),
    ]


MIME = (
    b"From: ann@example.com\r\nTo: shown@example.net\r\nBcc: hidden@example.net\r\nSubject: S\r\n\r\nBody\r\n"
)


def mime(raw: bytes = MIME, options: dict[str, list[str]] | None = None) -> Draft:
    recipients = envelope(["bob@example.net"])
    return from_mime(raw, recipients, parse(options or {}, NOW), "example.com", ID, NOW)


def test_a_complete_message_keeps_its_bytes() -> None:
    made = mime()
    assert isinstance(made.content, MimeContent)
    assert made.content.raw.endswith(b"Subject: S\r\n\r\nBody\r\n")
    assert b"hidden" not in made.content.raw
    message = read(made)
    assert message["Message-Id"] == f"<{ID}>" and message["Date"] and message["Sender"] == "ann@example.com"
    assert [t.address.spec for t in made.targets] == ["bob@example.net"]
    assert (made.to, made.subject) == ("shown@example.net", "S")


def test_control_headers_do_not_leave() -> None:
    raw = b"X-Mailgun-Dkim: no\r\nX-Mailgun-Recipient-Variables: {}\r\nMessage-ID: <own@x.y>\r\n" + MIME
    made = mime(raw)
    assert isinstance(made.content, MimeContent)
    assert b"Mailgun-Dkim" not in made.content.raw and b"Recipient-Variables" not in made.content.raw
    assert made.message_id == "own@x.y" and made.content.raw.lower().count(b"message-id:") == 1


def test_lone_newlines_become_crlf() -> None:
    made = mime(MIME.replace(b"\r\n", b"\n"))
    assert isinstance(made.content, MimeContent)
    assert made.content.raw.count(b"\n") == made.content.raw.count(b"\r\n")


def test_mime_without_from_is_refused() -> None:
    with pytest.raises(BadParameter, match="from parameter is missing"):
        mime(b"To: a@b.c\r\n\r\nx")


@pytest.mark.parametrize(("passed", "looping"), [(50, False), (51, True)])
def test_a_message_that_passed_too_many_servers_is_in_a_loop(passed: int, looping: bool) -> None:
    raw = b"Received: from a by b; now\r\n" * passed + b"From: a@example.com\r\nTo: b@x.test\r\n\r\nhi\r\n"
    options = parse({}, NOW)
    if not looping:
        from_mime(raw, [parse_one("b@x.test")], options, "example.com", ID, NOW)
        return
    with pytest.raises(Looping) as refused:
        from_mime(raw, [parse_one("b@x.test")], options, "example.com", ID, NOW)
    assert refused.value.smtp == (554, "5.4.6")
