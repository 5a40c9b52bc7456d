"""Copies: what one recipient gets, the same bytes each time."""

import base64
import email
import email.policy

import dkim
import pytest

from postwright.kernel.clock import SECOND
from postwright.mail.dkim import Signer, generate_key
from postwright.messages import build
from postwright.messages.records import FormContent, Meta, MimeContent, Part, Personal

NOW = 1_700_000_000 * SECOND
PEM, TXT = generate_key(2048)
SIGNER = Signer("example.com", "s1", PEM)


def meta(**changes) -> Meta:
    values = {
        "id": 1,
        "account_id": "a" * 24,
        "domain_id": "d" * 24,
        "domain": "example.com",
        "message_id": "m@example.com",
        "from_": "ann@example.com",
        "to": "bob@example.net",
        "subject": "S",
        "size": 1,
        "recipients": [],
        "method": "HTTP",
        "accepted_at": NOW,
        "received": "by host with HTTP id 0; Fri, 15 Jan 2027 08:00:00 +0000",
        "storage_url": "http://x",
        "storage_key": "k",
        "return_host": "example.com",
    }
    return Meta(**{**values, **changes})


FORM = FormContent(
    headers=[
        ("From", "ann@example.com"),
        ("To", "all"),
        ("Subject", "Hello %recipient.name%, %recipient_fname%"),
        ("Message-Id", "<m@example.com>"),
    ],
    text="Dear %recipient.name% (%recipient_email%), you owe %recipient.debt%. %recipient.unknown%",
    html="<p>%recipient%</p>",
    attachments=[Part("f.bin", "application/octet-stream", bytes(range(256)))],
)
SID = "WyI4OGZkNyIs" * 10  # long enough to be folded
BOB = Personal(to="Bob Builder <bob@example.net>", variables={"name": "Bøb", "debt": 5, "h:X-Row": "7"})


def whole(content, personal=None, *, about=None, recipient="bob@example.net", signers=(SIGNER,)) -> bytes:
    about = about or meta()
    return build.finish(about, build.common(about, content, personal, list(signers)), recipient, SID).data


def verified(data: bytes) -> bool:
    return dkim.verify(data, dnsfunc=lambda name, **_: TXT.encode() if name.startswith(b"s1.") else None)


def test_a_personal_copy_is_filled_and_signed() -> None:
    data = whole(FORM, BOB)
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message["To"] == "Bob Builder <bob@example.net>" and message["X-Row"] == "7"
    assert message["Subject"] == "Hello Bøb, Bob"
    text = message.get_body(("plain",)).get_content()
    assert text.strip() == "Dear Bøb (bob@example.net), you owe 5. %recipient.unknown%"
    assert "<p>Bob Builder <bob@example.net></p>" in message.get_body(("html",)).get_content()
    assert verified(data)
    assert message["X-Mailgun-Sid"].replace(" ", "") == SID


def test_values_cannot_break_out_of_headers() -> None:
    evil = Personal(to="bob@example.net", variables={"name": "x\r\nBcc: all@example.com\r\n\r\nbody"})
    message = email.message_from_bytes(whole(FORM, evil), policy=email.policy.default)
    assert message["Bcc"] is None and "Bcc" in message["Subject"]


def test_a_retry_has_the_same_bytes() -> None:
    assert whole(FORM, BOB) == whole(FORM, BOB)


def test_trace_headers_do_not_disturb_a_shared_signature() -> None:
    content = MimeContent(raw=b"From: ann@example.com\r\nSubject: x\r\n\r\n.\r\n.. dots \r\n\r\n")
    about = meta()
    common = build.common(about, content, None, [SIGNER])
    for recipient in ("bob@example.net", "eve@example.org"):
        built = build.finish(about, common, recipient, SID)
        assert verified(built.data) and built.primary_dkim == "s1._domainkey.example.com"


def test_two_signatures_both_verify() -> None:
    other_pem, other_txt = generate_key(1024)
    keys = {b"s1._domainkey.example.com.": TXT, b"s2._domainkey.example.org.": other_txt}
    data = whole(
        MimeContent(raw=b"From: a@example.com\r\n\r\nx\r\n"),
        signers=(SIGNER, Signer("example.org", "s2", other_pem)),
    )
    verifier = dkim.DKIM(data)
    for index in (0, 1):
        assert verifier.verify(index, dnsfunc=lambda name, **_: keys[name].encode())


def test_no_signature_when_told_so() -> None:
    assert b"DKIM-Signature" not in whole(FORM, BOB, about=meta(dkim=False))


@pytest.mark.parametrize("hidden", [["all"], ["x-mailgun-sid"]])
def test_suppressed_headers_stay_away(hidden: list[str]) -> None:
    assert b"X-Mailgun-Sid" not in whole(FORM, BOB, about=meta(suppress_headers=hidden))


def test_variables_reach_encoded_parts_of_complete_messages() -> None:
    inner = base64.encodebytes("Für %recipient.name%".encode()).replace(b"\n", b"\r\n")
    raw = (
        b"From: a@example.com\r\nTo: %recipient%\r\nSubject: =?utf-8?q?Hi_=25recipient=2Ename=25?=\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + inner
        + b"--b--\r\n"
    )
    data = whole(MimeContent(raw=raw, personal=True), BOB)
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message["To"] == "Bob Builder <bob@example.net>" and message["Subject"] == "Hi Bøb"
    assert message.get_body(("plain",)).get_content().strip() == "Für Bøb"
    assert verified(data)
