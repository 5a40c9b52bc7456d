"""Mail that is for us: bounces and complaints about mail that was really delivered, and unsubscribing."""

import asyncio
import re
import smtplib
from typing import Any

import aiohttp

from postwright.testing.server import Server
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for


def report(original: bytes, to: str, kind: str) -> bytes:
    """A DSN or an ARF about a delivered copy."""
    if kind == "dsn":
        head, status = (
            "delivery-status",
            (
                "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
                "Final-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
                "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
            ),
        )
    else:
        head, status = (
            "feedback-report",
            (
                "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: T/1\r\nVersion: 1\r\n"
            ),
        )
    return (
        (
            f"From: postmaster@example.net\r\nTo: {to}\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/report; report-type={head}; boundary="r"\r\n\r\n'
            f"--r\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--r\r\n{status}\r\n"
            "--r\r\nContent-Type: message/rfc822\r\n\r\n"
        ).encode()
        + original
        + b"\r\n--r--\r\n"
    )


async def give(server: Server, sender: str, to: str, raw: bytes) -> Any:
    def run() -> Any:
        with smtplib.SMTP(*server.mx, local_hostname="mx.example.net", timeout=20) as client:
            try:
                return client.sendmail(sender, [to], raw)
            except smtplib.SMTPRecipientsRefused as refused:
                return refused.recipients[to]

    return await asyncio.to_thread(run)


async def test_reports_and_unsubscribing_by_mail(
    start_server: Any,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
) -> None:
    api = Api(await start_server(**settings), http)
    message_id = await api.send(**{"h:List-Unsubscribe": "<mailto:%unsubscribe_email%>"})
    await api.wait_event("delivered", message_id)
    copy = sink.messages[0]
    # A bounce to the envelope sender of the copy.
    assert copy.sender.startswith("bounce+")
    assert await give(api.server, "", copy.sender, report(copy.data, copy.sender, "dsn")) == {}
    failed = await api.wait_event("failed", message_id)
    assert failed["flags"]["is-delayed-bounce"] is True
    # A forged one is refused at RCPT.
    forged = "bounce+000000.abc@" + copy.sender.rpartition("@")[2]
    assert (await give(api.server, "", forged, report(copy.data, forged, "dsn")))[0] == 550
    # A complaint.
    fbl = f"fbl@{DOMAIN}"
    assert await give(api.server, "fbl@example.net", fbl, report(copy.data, fbl, "arf")) == {}
    await api.wait_event("complained", message_id)
    # The mail address in List-Unsubscribe.
    found = re.search(rb"<mailto:(u\+[^>]+)>", copy.data)
    assert found is not None, copy.data
    assert await give(api.server, "bob@example.net", found[1].decode(), b"Subject: unsubscribe\r\n\r\n") == {}

    async def listed() -> bool:
        page = await api.get(f"/v3/{DOMAIN}/unsubscribes")
        return any(item["address"] == "bob@example.net" for item in page["items"])

    await wait_for(listed, "unsubscribe")
    told = [event["event"] for event in await api.events()]
    # What we consume ourselves is no inbound mail of the customer.
    assert told.count("accepted") == 2  # the message, and the complaint's address
