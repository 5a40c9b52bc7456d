"""Delivery reports: standard ones, those of servers with ways of their own, and noise."""

import email
import email.policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postwright.mail import arf, dsn
from postwright.mail.dsn import Recipient


def crlf(text: str) -> bytes:
    return text.strip("\n").replace("\n", "\r\n").encode()


POSTFIX = crlf("""
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status;
	boundary="B"
MIME-Version: 1.0

--B
Content-Description: Notification

I'm sorry to have to inform you that your message could not be delivered.
--B
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
X-Postfix-Queue-ID: 4F8A
Original-Envelope-Id: env-1
Arrival-Date: Tue, 30 Dec 2025 11:03:22 +0000 (UTC)

Final-Recipient: rfc822; bob@example.net
Original-Recipient: rfc822;robert@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; inner.example.net
Diagnostic-Code: smtp; 550-5.1.1 <bob@example.net>: Recipient address rejected:
    User unknown in virtual mailbox table
X-Own: kept

Final-Recipient: rfc822; eve@example.net
Action: delayed
Status: 4.4.1
Will-Retry-Until: Wed, 31 Dec 2025 11:03:22 +0000

--B
Content-Type: text/rfc822-headers

Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Message-Id: <1@example.com>
--B--
""")


def test_a_standard_report() -> None:
    report = dsn.parse(POSTFIX)
    assert report is not None and report.standard
    assert (report.reporting_mta, report.envelope_id) == ("mx.example.net", "env-1")
    assert report.fields["x-postfix-queue-id"] == "4F8A"
    bob, eve = report.recipients
    assert (bob.action, bob.status, bob.final, bob.original) == (
        "failed",
        "5.1.1",
        "bob@example.net",
        "robert@example.net",
    )
    assert (bob.code, bob.enhanced, bob.remote_mta) == (550, "5.1.1", "inner.example.net")
    assert bob.diagnostic.endswith("rejected: User unknown in virtual mailbox table")
    assert bob.fields["x-own"] == "kept"
    assert (eve.action, eve.will_retry_until[:3]) == ("delayed", "Wed")
    assert dict(report.returned) == {"Subject": "Grüße", "Message-Id": "<1@example.com>"}


QMAIL = crlf("""
From: MAILER-DAEMON@mail.example.org
Subject: failure notice

Hi. This is the qmail-send program at mail.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<bob@example.org>:
198.51.100.4 does not like recipient.
Remote host said: 550 5.1.1 No such user here
Giving up on 198.51.100.4.

--- Below this line is a copy of the message.

Return-Path: <ann@example.com>
Subject: Hi
""")
EXIM = crlf("""
From: Mail Delivery System <Mailer-Daemon@mail.example.org>
X-Failed-Recipients: bob@example.org
Auto-Submitted: auto-replied
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  bob@example.org
    host mx.example.org [198.51.100.4]
    SMTP error from remote mail server after RCPT TO:<bob@example.org>:
    550 Mailbox quota exceeded / Mailbox voll

------ This is a copy of the message, including all the headers. ------

Subject: Hi
""")
GERMAN = crlf("""
From: postmaster@firma.de
Subject: Unzustellbar: Ihre Nachricht
Content-Type: text/plain; charset=utf-8

Die Nachricht an <karl@firma.de> konnte nicht zugestellt werden.
""")
HTML_ONLY = crlf("""
From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@corp.example>
Subject: Undeliverable: Hi
Content-Type: text/html

<p>Delivery has failed to these recipients:</p><p>bob@corp.example</p>
<p>Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found'</p>
""")


@pytest.mark.parametrize(
    ("raw", "final", "code", "enhanced"),
    [
        (QMAIL, "bob@example.org", 550, "5.1.1"),
        (EXIM, "bob@example.org", 550, ""),
        (GERMAN, "karl@firma.de", 0, ""),
        (HTML_ONLY, "bob@corp.example", 550, "5.1.10"),
    ],
)
def test_reports_in_prose(raw: bytes, final: str, code: int, enhanced: str) -> None:
    report = dsn.parse(raw)
    assert report is not None and not report.standard
    (about,) = report.recipients
    assert (about.action, about.final, about.code, about.enhanced) == ("failed", final, code, enhanced)


def test_what_qmail_quotes_is_read() -> None:
    report = dsn.parse(QMAIL)
    assert report is not None and dict(report.returned)["Subject"] == "Hi"


@pytest.mark.parametrize(
    "raw",
    [
        b"From: bob@example.net\r\nSubject: Re: Hi\r\n\r\nYour mail could not be delivered, they told me: 550 no.\r\n",
        b"From: postmaster@x.net\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nUser unknown? No, away.\r\n",
        b"From: postmaster@x.net\r\nSubject: Newsletter\r\n\r\nOur new opening times.\r\n",
        b"",
    ],
)
def test_other_mail_is_no_report(raw: bytes) -> None:
    assert dsn.parse(raw) is None


def test_a_delay_in_prose_is_no_failure() -> None:
    report = dsn.parse(
        b"From: MAILER-DAEMON@x.net\r\nSubject: Warning: could not send message for past 4 hours\r\n\r\n"
        b"<bob@x.net>: 451 4.2.0 try later\r\nWill keep trying.\r\n"
    )
    assert report is not None and report.recipients[0].action == "delayed"


def sample(**changes: object) -> bytes:
    given_ = {
        "reporting_mta": "mail.example.com",
        "sender": "ann@example.com",
        "recipients": [
            Recipient(
                action="failed", status="5.1.1", final="bob@example.net", diagnostic="550 5.1.1 Nö\r\nX: y"
            )
        ],
        "returned": b"Subject: Hi\r\nFrom: ann@example.com\r\n\r\nHello\r\n",
        "message_id": "1@mail.example.com",
        "date": "Thu, 01 Jan 2026 00:00:00 +0000",
    }
    return dsn.generate(**(given_ | changes))  # type: ignore[arg-type]


def test_our_own_report_is_what_the_standard_says() -> None:
    message = email.message_from_bytes(sample(), policy=email.policy.default)
    assert (
        message.get_content_type() == "multipart/report"
        and message.get_param("report-type") == "delivery-status"
    )
    assert message["To"] == "ann@example.com" and message["Auto-Submitted"] == "auto-replied"
    text, status, original = message.iter_parts()
    assert "bob@example.net" in text.get_content()
    assert [part.get_content_type() for part in (status, original)] == [
        "message/delivery-status",
        "message/rfc822",
    ]
    per_message, per_recipient = status.get_payload()
    assert per_message["Reporting-MTA"] == "dns; mail.example.com"
    assert per_recipient["Action"] == "failed" and "X" not in per_recipient
    assert original.get_content()["Subject"] == "Hi"
    report = dsn.parse(sample())
    assert report is not None and report.standard and report.recipients[0].enhanced == "5.1.1"


def test_a_large_original_is_given_back_as_its_headers() -> None:
    raw = sample(returned=b"Subject: Hi\r\n\r\n" + b"x" * dsn.MAX_RETURNED)
    assert len(raw) < 3000 and b"text/rfc822-headers" in raw and b"Subject: Hi\r\n" in raw


@pytest.mark.parametrize(
    ("sender", "head"),
    [
        ("", []),
        ("MAILER-DAEMON@x.net", []),
        ("bounce+a.b@x.net", []),
        ("a@x.net", [("Content-Type", "multipart/report; report-type=delivery-status")]),
        ("a@x.net", [("Auto-Submitted", "auto-generated (mailer)")]),
        ("a@x.net", [("X-Auto-Response-Suppress", "DR, OOF")]),
    ],
)
def test_nobody_is_sent_a_report_about_a_report(sender: str, head: list[tuple[str, str]]) -> None:
    assert not dsn.answerable(sender, head)


def test_people_are_sent_one() -> None:
    assert dsn.answerable("ann@example.com", [("Auto-Submitted", "no"), ("Content-Type", "text/plain")])


ARF = crlf("""
From: <abusedesk@example.net>
Subject: FW: Earn money
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="B"

--B
Content-Type: text/plain

This is an abuse report.
--B
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <bounce+x@example.com>
Original-Rcpt-To: <user@example.net>
Original-Rcpt-To: <other@example.net>
Received-Date: Thu, 8 Mar 2005 14:00:00 EDT
Source-IP: 192.0.2.2
Reported-Domain: Example.com
--B
Content-Type: message/rfc822

From: <somespammer@example.com>
X-Mailgun-Sid: WyI=
Subject: Earn money

Spam
--B--
""")


def test_a_feedback_report() -> None:
    found = arf.parse(ARF)
    assert found is not None and found.is_complaint
    assert (found.feedback_type, found.user_agent, found.source_ip) == (
        "abuse",
        "SomeGenerator/1.0",
        "192.0.2.2",
    )
    assert found.original_mail_from == "bounce+x@example.com"
    assert found.original_rcpt_to == ["user@example.net", "other@example.net"]
    assert found.reported_domain == "example.com" and found.arrival_date.startswith("Thu")
    assert dict(found.returned)["X-Mailgun-Sid"] == "WyI="
    assert arf.parse(POSTFIX) is None and dsn.parse(ARF) is None


_piece = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"\r\n",
            b"\n",
            b"\r\n\r\n",
            b"--B\r\n",
            b"--B--\r\n",
            b"Content-Type: multipart/report; boundary=B\r\n",
            b"Content-Type: message/delivery-status\r\n",
            b"Content-Type: message/feedback-report\r\n",
            b"Content-Type: message/rfc822\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"From: mailer-daemon@x.net\r\n",
            b"X-Failed-Recipients: a@b.co, \xff\r\n",
            b"Final-Recipient: rfc822;",
            b"Action: failed\r\n",
            b"Status: 5.1.1 (x)\r\n",
            b"Diagnostic-Code: smtp; 550",
            b"Original-Rcpt-To: <a@b.co>\r\n",
            b"Feedback-Type: abuse\r\n",
            b"--- Below this line is a copy of the message.\r\n",
        ]
    ),
)


@given(st.lists(_piece, max_size=30).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_nothing_breaks_the_readers(raw: bytes) -> None:
    report = dsn.parse(raw)
    if report is not None:
        assert 1 <= len(report.recipients) <= dsn.MAX_RECIPIENTS
        for each in report.recipients:
            assert each.action in dsn.ACTIONS and len(each.diagnostic) <= dsn.MAX_TEXT
            assert each.code == 0 or 400 <= each.code <= 599
    arf.parse(raw)


@given(st.text(max_size=200), st.text(max_size=60), st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_our_own_reports_are_always_readable(text: str, final: str, returned: bytes) -> None:
    raw = sample(
        recipients=[Recipient(action="failed", status="5.0.0", final=final, diagnostic=text)],
        returned=returned,
    )
    report = dsn.parse(raw)
    assert report is not None and report.standard and len(report.recipients) == 1


def test_large_reports_are_read_in_bounded_time() -> None:
    block = b"Final-Recipient: rfc822; a@b.co\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    many = POSTFIX.replace(b"Final-Recipient: rfc822; eve", block * 20_000 + b"Final-Recipient: rfc822; eve")
    report = dsn.parse(many)
    assert report is not None and len(report.recipients) == dsn.MAX_RECIPIENTS
    for filler in (b"a" * 500_000, b"<" * 500_000, b"5.1." * 100_000, b" \n" * 200_000, b"@a" * 200_000):
        dsn.parse(b"From: mailer-daemon@x.net\r\nSubject: failed\r\n\r\n" + filler)
