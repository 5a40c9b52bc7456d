"""Reports about mail that was really delivered: they become events and suppressions, forged ones do not."""

import base64
import json
import re

import httpx
import pytest
from sqlalchemy import func, select

from postwright import messages
from postwright.mail import dsn
from postwright.queue.tables import queue
from postwright.reports import Taken, service
from postwright.suppressions import SuppressionProjection

from .conftest import Delivered, Desk


def bounce(
    about: Delivered,
    *,
    final: str = "bob@there.test",
    action: str = "failed",
    status: str = "5.1.1",
    text: str = "",
) -> bytes:
    diagnostic = text or f"550 {status} <{final}>: Recipient address rejected: User unknown"
    return dsn.generate(
        reporting_mta="mx.there.test",
        sender=about.sender,
        recipients=[dsn.Recipient(action=action, status=status, final=final, diagnostic=diagnostic)],
        returned=about.head,
        message_id="1@mx.there.test",
        date="Thu, 01 Jan 2026 00:00:00 +0000",
    )


def complaint(head: bytes, *, kind: str = "abuse", rcpt: str = "redacted@there.test") -> bytes:
    return (
        b"From: <fbl@there.test>\r\nTo: <abuse@one.example.com>\r\nSubject: FW: spam\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n"
        b"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: " + kind.encode() + b"\r\n"
        b"User-Agent: There/1.0\r\nVersion: 1\r\nOriginal-Rcpt-To: <" + rcpt.encode() + b">\r\n"
        b"Source-IP: 192.0.2.7\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + head + b"\r\n--b--\r\n"
    )


async def told(desk: Desk, name: str) -> list[dict[str, object]]:
    return await desk.rig.events(name)


async def suppressed(desk: Desk, path: str, address: str) -> httpx.Response:
    projection = SuppressionProjection()
    await desk.rig.api.db.write(projection.begin)
    while await projection.catch_up(desk.rig.api.db):
        pass
    return await desk.rig.api.call("GET", f"/v3/{{d}}/{path}/{address}")


@pytest.fixture(autouse=True)
def from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SuppressionProjection, "replay", True)


async def test_a_report_of_a_delivered_message_is_a_delayed_bounce(desk: Desk) -> None:
    copy = await desk.deliver(o__tag="news", v__who="b")
    assert len(copy.sender.partition("@")[0]) <= 64
    assert await desk.reports.take_dsn(copy.sender, bounce(copy)) == Taken("bounced")
    (event,) = await told(desk, "failed")
    assert event["severity"] == "permanent" and event["reason"] == "bounce"
    assert event["flags"]["is-delayed-bounce"] is True and event["envelope"] == {}
    assert event["recipient"] == "bob@there.test" and event["tags"] == ["news"]
    assert event["user-variables"] == {"who": "b"} and event["storage"]["key"]
    status = event["delivery-status"]
    assert (status["code"], status["bounce-code"], status["enhanced-code"]) == (550, "5.1.1", "5.1.1")
    assert "User unknown" in status["message"]
    (delivered,) = await told(desk, "delivered")
    assert event["message"]["headers"] == delivered["message"]["headers"]
    held = await suppressed(desk, "bounces", "bob@there.test")
    assert held.json()["code"] == "550" and "User unknown" in held.json()["error"]


async def test_the_next_message_is_suppressed(desk: Desk) -> None:
    copy = await desk.deliver()
    await desk.reports.take_dsn(copy.sender.upper(), bounce(copy))  # letters lost their case on the way
    assert (await suppressed(desk, "bounces", "bob@there.test")).status_code == 200
    await desk.rig.send()
    event = (await desk.rig.outcomes(3))[-1]
    assert event["delivery-status"]["code"] == 605 and event["reason"] == "suppress-bounce"


async def test_the_same_report_again_changes_nothing(desk: Desk) -> None:
    copy = await desk.deliver()
    assert (await desk.reports.take_dsn(copy.sender, bounce(copy))).result == "bounced"
    for status in ("5.1.1", "5.2.1"):
        again = await desk.reports.take_dsn(copy.sender, bounce(copy, status=status))
        assert again == Taken("ignored", "reported before")
    assert len(await told(desk, "failed")) == 1


async def test_forged_and_expired_addresses_are_ignored(desk: Desk) -> None:
    copy = await desk.deliver()
    local = copy.sender.partition("@")[0]
    digits = local.removeprefix("bounce+")[:6]
    forged = [
        copy.sender.replace(digits, f"{int(digits, 16) ^ 1:06x}"),
        copy.sender.replace("-bob=", "-eve="),
        f"{local}@two.example.org",
        "bounce+000000.abc@one.example.com",
        "bob@one.example.com",
        "",
    ]
    for address in forged:
        assert not desk.reports.is_bounce_address(address)
        assert (await desk.reports.take_dsn(address, bounce(copy))).result == "ignored"
    assert desk.reports.is_bounce_address(copy.sender)
    desk.rig.api.clock.advance(service.LIFETIME / 1_000_000 + 5)
    assert not desk.reports.is_bounce_address(copy.sender)
    assert "too old" in (await desk.reports.take_dsn(copy.sender, bounce(copy))).why
    assert await told(desk, "failed") == []


async def test_a_recipient_too_long_for_the_address_is_found(desk: Desk) -> None:
    long = "a.very.long.recipient.name.indeed@there.test"
    copy = await desk.deliver(long)
    assert "=" not in copy.sender
    # The report names somebody else: the recipient forwards. The headers it gives back lead to it.
    assert (await desk.reports.take_dsn(copy.sender, bounce(copy, final="x@else.test"))).result == "bounced"
    (event,) = await told(desk, "failed")
    assert event["recipient"] == long


async def test_the_way_back_outlives_the_stored_message(desk: Desk) -> None:
    copy = await desk.deliver()
    db = desk.rig.api.db
    context = desk.rig.api.context
    desk.rig.api.clock.advance(5 * 86400)
    assert await messages.expire(db, context.spool, desk.rig.api.clock.now()) == 1
    assert (await desk.reports.take_dsn(copy.sender, bounce(copy))).result == "bounced"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("5.2.2", "552 5.2.2 Mailbox full"),
        ("5.7.1", "554 5.7.1 Message rejected as spam by content filter"),
        ("4.4.7", "delivery expired: 421 4.4.2 connection timed out"),
    ],
)
async def test_soft_failures_suppress_nobody(desk: Desk, status: str, text: str) -> None:
    copy = await desk.deliver()
    assert (
        await desk.reports.take_dsn(copy.sender, bounce(copy, status=status, text=text))
    ).result == "bounced"
    (event,) = await told(desk, "failed")
    assert event["severity"] == "permanent" and event["reason"] != "bounce"
    assert (await suppressed(desk, "bounces", "bob@there.test")).status_code == 404


async def test_news_that_are_no_failure_are_ignored(desk: Desk) -> None:
    copy = await desk.deliver()
    for action in ("delayed", "delivered", "relayed", "expanded"):
        report = bounce(copy, action=action, status="2.0.0" if action != "delayed" else "4.4.1")
        assert await desk.reports.take_dsn(copy.sender, report) == Taken("ignored", "nothing failed")
    vacation = (
        b"From: Bob <bob@there.test>\r\nSubject: Out of office: 550 things to do\r\n"
        b"Auto-Submitted: auto-replied\r\n\r\nI am away. My mailbox is full, call me.\r\n"
    )
    assert (await desk.reports.take_dsn(copy.sender, vacation)).why == "not a delivery report"
    assert await told(desk, "failed") == []


async def test_nothing_goes_out_because_of_a_report(desk: Desk) -> None:
    copy = await desk.deliver()
    await desk.reports.take_dsn(copy.sender, bounce(copy))
    about_report = dsn.generate(
        reporting_mta="x.test",
        sender="",
        recipients=[dsn.Recipient(action="failed", status="5.1.1", final="mailer-daemon@there.test")],
        returned=bounce(copy),
        message_id="2@x.test",
        date="Thu, 01 Jan 2026 00:00:00 +0000",
    )
    await desk.reports.take_dsn(copy.sender, about_report)
    assert await desk.rig.api.db.read(lambda tx: tx.scalar(select(func.count()).select_from(queue))) == 0


async def test_a_complaint_finds_its_recipient_where_the_report_hides_it(desk: Desk) -> None:
    copy = await desk.deliver(o__tag="news")
    hidden = re.sub(rb"bob@there\.test", b"redacted@there.test", copy.head)
    assert b"bob" not in hidden.replace(b"bounce+", b"")
    assert await desk.reports.take_arf(complaint(hidden)) == Taken("complained")
    (event,) = await told(desk, "complained")
    assert event["recipient"] == "bob@there.test" and event["tags"] == ["news"]
    assert event["envelope"] == {"sending-ip": "127.0.0.1"} or event["envelope"]["sending-ip"]
    assert event["flags"] == {"is-test-mode": False}
    assert (await suppressed(desk, "complaints", "bob@there.test")).status_code == 200
    again = await desk.reports.take_arf(complaint(hidden))
    assert again == Taken("ignored", "reported before")
    assert len(await told(desk, "complained")) == 1


async def test_complaints_without_a_true_mark_are_ignored(desk: Desk) -> None:
    copy = await desk.deliver()
    found = re.search(rb"X-Mailgun-Sid: ([^:]+)\r\n\S+:", copy.head)
    assert found
    sid = json.loads(base64.b64decode(b"".join(found[1].split())))
    sid[1] = "eve@there.test"
    forged = copy.head.replace(found[1], base64.b64encode(json.dumps(sid).encode()))
    no_mark = re.sub(rb"X-Mailgun-Sid: [^:]+\r\n(?=\S+:)", b"", copy.head)
    for head in (forged, no_mark, b"Subject: x\r\n"):
        assert (await desk.reports.take_arf(complaint(head))).why == "no mark of ours"
    assert (await desk.reports.take_arf(complaint(copy.head, kind="not-spam"))).result == "ignored"
    assert (await desk.reports.take_arf(copy.data)).why == "not a feedback report"
    assert await told(desk, "complained") == []


async def test_a_complaint_without_our_mark_is_found_by_its_envelope_sender(desk: Desk) -> None:
    copy = await desk.deliver()
    head = re.sub(rb"X-Mailgun-Sid: [^:]+\r\n(?=\S+:)", b"", copy.head)
    head = b"Return-Path: <" + copy.sender.encode() + b">\r\n" + head
    assert (await desk.reports.take_arf(complaint(head))).result == "complained"
