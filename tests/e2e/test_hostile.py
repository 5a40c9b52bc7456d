"""Scenarios 33 and 36 of delivery-engineering.md section 10, against real processes."""

import asyncio
import io
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for

HUGE = 100 * 1024 * 1024
PIECE = b"The quick brown fox jumps over the lazy dog and runs home before the rain.\r\n" * 1000
GROWTH_MB = 60  # the limit of a message is 25 MB, and for a moment there are two of it


def peaks(api: Api) -> dict[int, int]:
    """The largest resident size so far of each of the server's processes, in MB."""
    found = {}
    for pid in api.server.pids():
        status = Path(f"/proc/{pid}/status").read_text()
        found[pid] = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    return found


async def catch_all(api: Api) -> None:
    """Let whatever comes in be forwarded."""
    route = {"expression": "catch_all()", "action": "forward('target@elsewhere.test')"}
    status, _ = await api.call("POST", "/v3/routes", data=route)
    assert status == 200


async def over_smtp(address: tuple[str, int], size: int) -> bytes:
    """Send a message of `size` octets to the MX; the reply to it."""
    reader, writer = await asyncio.open_connection(*address)

    async def reply() -> bytes:
        while (line := await asyncio.wait_for(reader.readline(), 60))[3:4] == b"-":
            pass
        return line

    try:
        assert (await reply()).startswith(b"220")
        to = b"RCPT TO:<bob@%s>" % DOMAIN.encode()
        for line in (b"EHLO there.test", b"MAIL FROM:<ann@there.test>", to, b"DATA"):
            writer.write(line + b"\r\n")
            assert (await reply())[:1] in b"23"
        writer.write(b"Subject: huge\r\n\r\n")
        for _ in range(size // len(PIECE) + 1):
            writer.write(PIECE)
            await writer.drain()
        writer.write(b".\r\n")
        return await reply()
    finally:
        writer.close()


async def test_a_hundred_megabytes_are_refused_in_bounded_memory(api: Api) -> None:
    """Over SMTP to the end, over HTTP with a length and without one; then the next message goes through."""
    await catch_all(api)
    before = peaks(api)
    assert (await over_smtp(api.server.mx, HUGE)).startswith(b"552 5.3.4")

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(HUGE // len(PIECE)):
            yield PIECE

    for body in (io.BytesIO(bytes(HUGE)), pieces()):
        try:
            status, _ = await api.call(
                "POST",
                f"/v3/{DOMAIN}/messages",
                data=body,
                headers={"Content-Type": "multipart/form-data; boundary=b"},
            )
        except aiohttp.ClientError:
            continue  # the answer came, and the connection went, before we had said everything
        assert status in (400, 413)
    after = peaks(api)
    assert after.keys() == before.keys()  # nobody died of it
    assert max(after[pid] - before[pid] for pid in before) < GROWTH_MB
    await api.wait_event("delivered", await api.send(), timeout=30)


async def test_nothing_is_ever_sent_because_of_a_bounce(api: Api, sink: Sink) -> None:
    """A bounce and an automatic reply come in for a route whose target refuses them: nobody hears of that."""
    sink.fail("target", 550, "5.1.1 no such user", at="RCPT")
    await catch_all(api)
    asked: list[Any] = []

    def deliver() -> None:
        with smtplib.SMTP(*api.server.mx, timeout=30) as client:
            for sender, head in (
                (
                    "",
                    "From: d@there.test\r\nContent-Type: multipart/report; boundary=b; report-type=delivery-status",
                ),
                ("ann@there.test", "From: ann@there.test\r\nAuto-Submitted: auto-replied"),
                ("ann@there.test", "From: ann@there.test\r\nSubject: plain"),
            ):
                text = f"{head}\r\nMessage-Id: <{len(asked)}@there.test>\r\nTo: bob@{DOMAIN}\r\n\r\n--b--\r\n"
                client.sendmail(sender, [f"bob@{DOMAIN}"], text)
                asked.append(sender)

    await asyncio.to_thread(deliver)

    async def given_up() -> bool:
        return [each["severity"] for each in await api.events(event="failed")].count("permanent") == 3

    await wait_for(given_up, "end of all three", 40)
    await asyncio.sleep(1)
    assert sink.messages == []
    recipients = {event["recipient"] for event in await api.events() if event.get("recipient")}
    assert not any("ann@" in each or "daemon" in each for each in recipients)
