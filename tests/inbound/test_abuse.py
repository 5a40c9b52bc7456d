"""What hostile peers do, byte by byte (scenarios 33 to 38 of delivery-engineering.md section 10)."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postwright.inbound import limits, smtp
from postwright.inbound.limits import PeerLimits, Window, networks
from postwright.kernel.db import Db

from .conftest import MESSAGE, Mx, opened

HELLO = b"EHLO client.there.test\r\n"
START = b"MAIL FROM:<ann@there.test>\r\nRCPT TO:<bob@one.example.com>\r\nDATA\r\n"


@pytest.fixture
async def mx(sqlite_db: Db, tmp_path: Path) -> AsyncIterator[Mx]:
    """A door on SQLite only: nothing here depends on the database."""
    async with opened(sqlite_db, tmp_path) as door:
        yield door


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\n\n.\r\n", b"\r\r\n.\r"]
)
async def test_no_false_end_smuggles_a_second_message(mx: Mx, end: bytes) -> None:
    """Scenario 34."""
    inner = (
        b"MAIL FROM:<evil@there.test>\r\nRCPT TO:<eve@one.example.com>\r\nDATA\r\nFrom: x@y.test\r\n\r\nevil"
    )
    text = await mx.raw(HELLO, START, MESSAGE.rstrip() + end + inner + b"\r\n.\r\n", b"QUIT\r\n")
    replies = text.decode().splitlines()
    assert "550 5.6.11 Lines must end with CRLF; a lone CR or LF is not allowed" in replies
    assert replies[-1].startswith("221")
    assert await mx.told() == []


async def test_what_is_injected_before_tls_is_not_executed(mx: Mx) -> None:
    """Scenario 35."""

    def run() -> bytes:
        with socket.create_connection(("127.0.0.1", mx.port), timeout=10) as plain:
            plain.recv(1000)
            plain.sendall(HELLO)
            plain.recv(1000)
            plain.sendall(b"STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@there.test>\r\n")
            assert plain.recv(1000).startswith(b"220")
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with context.wrap_socket(plain) as peer:
                peer.sendall(b"RCPT TO:<bob@one.example.com>\r\n")
                return peer.recv(1000)

    assert (await asyncio.to_thread(run)).startswith(b"503")


async def test_the_extensions_that_are_offered(mx: Mx) -> None:
    def work(client: smtplib.SMTP) -> set[str]:
        client.ehlo()
        return set(client.esmtp_features)

    clear = await mx.ask(work)
    assert clear == {"8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes", "size", "starttls"}
    assert await mx.ask(work, tls=True) == clear - {"starttls"} | {"auth"}


@pytest.mark.parametrize(
    ("raw", "code", "enhanced"),
    [
        (b"Received: from a by b; x\r\n" * 51 + MESSAGE, 550, "5.4.6"),  # scenario 38
        (b"Received: from a by b; x\r\n" * 49 + MESSAGE, 250, "2.0.0"),
        (b"X-A: b\r\n" * 1_000_000 + MESSAGE, 552, "5.3.4"),  # scenario 36
        (MESSAGE + b"x" * 2001 + b"\r\n", 550, "5.6.0"),
        (MESSAGE + b"x" * 2000 + b"\r\n", 250, "2.0.0"),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n" + MESSAGE + b"--b\r\n\r\nx\r\n" * 10_000,
            552,
            "5.6.0",
        ),
        (MESSAGE + b"a\0b\r\n", 250, "2.0.0"),
        (MESSAGE + b"bare\rreturn\r\n", 550, "5.6.11"),
        (b"\r\n", 250, "2.0.0"),
        (b"no header at all\r\n", 250, "2.0.0"),
        (b"From: \xff\xfe\r\nSubject: =?x?q?=00?=\r\nMessage-Id: <a\0b>\r\n\r\n\xff\0\r\n", 250, "2.0.0"),
    ],
)
async def test_odd_and_huge_messages(
    mx: Mx, raw: bytes, code: int, enhanced: str, caplog: pytest.LogCaptureFixture
) -> None:
    got, text = await mx.send(raw)
    assert (got, text.split()[0]) == (code, enhanced)
    assert len(await mx.told()) == (code == 250)
    await mx.work()
    assert len(mx.collect.got) == (code == 250)
    assert "failed" not in caplog.text


async def test_parts_in_parts_have_a_bound(mx: Mx) -> None:
    def nest(depth: int) -> bytes:
        head = b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (level, level)
            for level in range(depth)
        )
        return b"From: a@there.test\r\n" + head + b"\r\nx\r\n"

    assert (await mx.send(nest(60)))[0] == 552
    assert (await mx.send(nest(40)))[0] == 250


async def test_a_message_over_the_size_is_refused_early_and_late(mx: Mx) -> None:
    mx.policy.max_size = 100_000
    text = await mx.raw(HELLO, b"MAIL FROM:<ann@there.test> SIZE=100001\r\n")
    assert b"552 5.3.4" in text
    assert (await mx.send(MESSAGE + b"x\r\n" * 40_000))[1].startswith("5.3.4")
    assert (await mx.send())[0] == 250


async def test_who_speaks_before_the_greeting_is_refused(mx: Mx) -> None:
    mx.policy.early_talker_seconds = 1.0

    def run() -> bytes:
        with socket.create_connection(("127.0.0.1", mx.port), timeout=10) as peer:
            peer.sendall(HELLO)
            return peer.recv(1000)

    assert (await asyncio.to_thread(run)).startswith(b"554 5.5.1")
    mx.policy.early_talker_seconds = 0.05
    assert (await mx.send())[0] == 250


@pytest.mark.parametrize(
    "pieces",
    [
        (HELLO + b"MAIL FROM:<ann@there.test>\r\n",),
        (HELLO, START + MESSAGE + b".\r\n"),
        (b"GET / HTTP/1.1\r\nHost: mx\r\n\r\n",),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",),
    ],
)
async def test_who_does_not_wait_for_replies_is_cut_off(mx: Mx, pieces: tuple[bytes, ...]) -> None:
    text = await mx.raw(*pieces, b"NOOP\r\n")
    last = text.decode().splitlines()[-1]
    assert last.startswith(("554 5.5.0", "500 5.5.2"))
    assert await mx.told() == []


async def test_commands_in_a_group_are_answered_in_order(mx: Mx) -> None:
    text = await mx.raw(HELLO, START, MESSAGE + b".\r\nMAIL FROM:<>\r\nQUIT\r\n")
    codes = [line[:3] for line in text.decode().splitlines() if line[3:4] == " "]
    assert codes == ["220", "250", "250", "250", "354", "250", "250", "221"]


async def test_guessing_recipients_ends_the_connection(mx: Mx) -> None:
    def work(client: smtplib.SMTP) -> list[int]:
        client.mail("ann@there.test")
        return [client.rcpt(f"u{number}@one.example.com")[0] for number in range(smtp.MAX_UNKNOWN)]

    assert await mx.ask(work) == [550] * (smtp.MAX_UNKNOWN - 1) + [421]


async def test_a_connection_has_its_number_of_messages(mx: Mx) -> None:
    assert mx.policy.max_messages == 100
    mx.policy.max_messages = 1
    again = START.partition(b"\r\n")[0] + b"\r\n"
    text = await mx.raw(HELLO, START, MESSAGE + b".\r\n", again)
    assert text.splitlines()[-1].startswith(b"421")


async def test_a_hundred_recipients_then_452(mx: Mx) -> None:
    mx.policy.max_recipients = 2

    def work(client: smtplib.SMTP) -> list[int]:
        client.mail("ann@there.test")
        return [client.rcpt(f"{name}@one.example.com")[0] for name in ("bob", "eve", "everybody")]

    assert smtp.MAX_RECIPIENTS == 100
    assert await mx.ask(work) == [250, 250, 452]


async def test_one_address_has_its_share_of_connections_and_messages(
    mx: Mx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AT_ONCE", 3)
    mx.policy.limits = PeerLimits()
    peers = [socket.create_connection(("127.0.0.1", mx.port), timeout=10) for _ in range(4)]
    try:
        greetings = [await asyncio.to_thread(peer.recv, 100) for peer in peers]
    finally:
        for peer in peers:
            peer.close()
    assert [greeting[:3] for greeting in greetings] == [b"220"] * 3 + [b"421"]
    monkeypatch.setattr(limits, "MESSAGES", 2)
    mx.policy.limits = PeerLimits()
    while mx.policy.connections:  # noqa: ASYNC110  no event in a set
        await asyncio.sleep(0.01)
    assert [(await mx.send())[0] for _ in range(3)] == [250, 250, 421]
    monkeypatch.setattr(limits, "OCTETS", len(MESSAGE) + 1)
    monkeypatch.setattr(limits, "MESSAGES", 500)
    mx.policy.limits = PeerLimits()
    assert [(await mx.send())[0] for _ in range(3)] == [250, 250, 421]


def test_networks_share_limits_and_windows_end() -> None:
    now = 0.0
    window = Window(2, lambda: now)
    assert [window.add("192.0.2.1", 1) for _ in range(3)] == [True, True, False]
    # Its neighbours have what is left of three times as much.
    assert [window.add(f"192.0.2.{n}", 1) for n in range(2, 7)] == [True, True, True, False, False]
    assert window.add("198.51.100.1", 1)
    now = 60.0
    assert window.add("192.0.2.1", 1)
    assert networks("::ffff:192.0.2.1")[0] == ("192.0.2.1/32", 1)
    assert networks("2001:db8:1:2:3::4") == [
        ("2001:db8:1:2::/64", 1),
        ("2001:db8:1::/48", 3),
        ("2001:db8::/32", 9),
    ]


async def test_smtputf8_addresses(mx: Mx) -> None:
    mx.collect.locals.add("bøb")
    text = await mx.raw(
        HELLO,
        "MAIL FROM:<jörg@there.test> SMTPUTF8\r\nRCPT TO:<bøb@one.example.com>\r\nDATA\r\n".encode(),
        "From: jörg@there.test\r\nSubject: ü\r\n\r\nHällo\r\n.\r\n".encode(),
    )
    assert text.splitlines()[-1].startswith(b"250")
    await mx.work()
    ((arrival, target, message),) = mx.collect.got
    assert (arrival.sender, target.address, arrival.subject) == (
        "jörg@there.test",
        "bøb@one.example.com",
        "ü",
    )
    assert b"with UTF8SMTP id" in b" ".join(message.split())
    refused = await mx.raw(HELLO, "MAIL FROM:<jörg@there.test>\r\n".encode())
    assert refused.splitlines()[-1].startswith(b"501")
