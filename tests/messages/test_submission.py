"""The submission door, over real SMTP: what is taken, what is refused, and what then is in the store."""

import asyncio
import base64
import email
import json
import re
import smtplib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from email.mime.application import MIMEApplication
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from postwright import domains, events
from postwright.apps.smtp import acceptor
from postwright.apps.tls import self_signed_context
from postwright.domains import credentials
from postwright.kernel.db import Db
from postwright.mail.smtp import Logins, SmtpServer
from postwright.messages.records import decode_meta
from postwright.messages.smtp import SubmissionPolicy
from postwright.messages.tables import messages as messages_table
from tests.world import World, world

DOMAIN = "smtp.example.com"
MESSAGE = b"From: ann@smtp.example.com\r\nTo: bob@there.test\r\nSubject: Hi\r\n\r\nHello.\r\n"


class Door:
    """The door of a world; `ask` runs a client in a thread."""

    def __init__(self, api: World, policy: SubmissionPolicy, port: int) -> None:
        self.api, self.policy, self.port = api, policy, port

    async def ask(self, work: Callable[[smtplib.SMTP], Any], *, login: bool = True) -> Any:
        def run() -> Any:
            with smtplib.SMTP("127.0.0.1", self.port, "me.test", timeout=10) as client:
                client.starttls(context=_trusting())
                if login:
                    client.login(f"postmaster@{DOMAIN}", "secret-password")
                return work(client)

        return await asyncio.to_thread(run)

    async def send(self, raw: bytes, to: list[str] | None = None) -> tuple[int, bytes]:
        """The last reply to a message whose lines are sent as they are."""

        def work(client: smtplib.SMTP) -> tuple[int, bytes]:
            client.ehlo()
            client.mail("whoever@else.test")
            for recipient in to or ["bob@there.test"]:
                client.rcpt(recipient)
            client.putcmd("data")
            assert client.getreply()[0] == 354
            client.send(raw + b".\r\n")
            return client.getreply()

        return await self.ask(work)  # type: ignore[no-any-return]

    async def accepted(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(e.data) for e in await self.api.db.read(events.read, 0, 100)]


@pytest.fixture
async def door(db: Db, tmp_path: Path) -> AsyncIterator[Door]:
    async with world(db, tmp_path, delivery="live") as api:
        domains_of_one = (api.clock.now(), api.context.vault, api.one.account_id, DOMAIN)
        await db.write(
            domains.create_first,
            *domains_of_one,
            domains.new_key(1024),
            sandbox=False,
            postmaster_hash=domains.hash_password("secret-password"),
        )
        policy = SubmissionPolicy(
            db=db,
            acceptor=acceptor(api.context),
            settings=api.context.settings,
            hostname="mail.example.com",
            tls=self_signed_context(tmp_path, "mail.example.com"),
        )
        loop = asyncio.get_running_loop()
        async with await loop.create_server(partial(SmtpServer, policy), "127.0.0.1", 0) as server:
            yield Door(api, policy, server.sockets[0].getsockname()[1])


async def test_a_message_is_queued_under_its_own_id(door: Door) -> None:
    code, text = await door.send(
        b"Message-Id: <my@id.test>\r\n" + MESSAGE, ["bob@there.test", "eve@there.test"]
    )
    assert (code, text) == (250, b"2.0.0 Queued. Thank you. <my@id.test>")
    told = await door.accepted()
    assert sorted(event["recipient"] for event in told) == ["bob@there.test", "eve@there.test"]
    assert {event["message"]["headers"]["message-id"] for event in told} == {"my@id.test"}
    assert {event["method"] for event in told} == {"smtp"}


@pytest.mark.parametrize(
    ("login", "password"),
    [
        (f"postmaster@{DOMAIN}", "wrong"),
        (f"nobody@{DOMAIN}", "secret-password"),
        ("postmaster@two.example.org", "secret-password"),
        ("", ""),
        ("postmaster", "secret-password"),
        ("x" * 900, "y" * 500),
    ],
)
async def test_who_does_not_know_the_password_sends_nothing(door: Door, login: str, password: str) -> None:
    def work(client: smtplib.SMTP) -> int:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(login, password)
        return client.mail("ann@smtp.example.com")[0]

    assert await door.ask(work, login=False) == 530


async def test_a_login_is_found_in_any_case_and_again(door: Door) -> None:
    for login in (f"Postmaster@{DOMAIN.upper()}", f" postmaster@{DOMAIN}"):

        def work(client: smtplib.SMTP, login: str = login) -> int:
            return client.login(login, "secret-password")[0]

        assert await door.ask(work, login=False) == 235


@pytest.mark.parametrize("address", ["bob@", "bob@there..test", "bob@-there.test", "a@b@c.test"])
async def test_addresses_that_cannot_be_are_refused_at_once(door: Door, address: str) -> None:
    def work(client: smtplib.SMTP) -> list[int]:
        client.ehlo()
        client.mail("ann@smtp.example.com")
        return [client.docmd(f"RCPT TO:<{address}>")[0], client.rcpt("bob@there.test")[0]]

    bad, good = await door.ask(work)
    assert bad in (501, 553)
    assert good == 250


async def test_options_come_in_headers_and_a_bad_one_refuses_the_message(door: Door) -> None:
    code, text = await door.send(b'X-Mailgun-Tag: spring\r\nX-Mailgun-Variables: {"a": 1}\r\n' + MESSAGE)
    assert code == 250, text
    (event,) = await door.accepted()
    assert event["tags"] == ["spring"]
    code, text = await door.send(b"X-Mailgun-Deliver-By: yesterday-ish\r\n" + MESSAGE)
    assert 500 <= code < 600, text
    assert len(await door.accepted()) == 1


async def test_a_deleted_domain_sends_nothing(door: Door) -> None:
    await door.api.ok("DELETE", f"/v3/domains/{DOMAIN}")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await door.ask(lambda client: client.noop())
    assert await door.accepted() == []


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n",
        b"no header at all\r\n",
        b"From: ann@smtp.example.com\nTo: bob@there.test\n\nonly\nline feeds\n\r\n",
        b"From: ann@smtp.example.com\r\nSubject: a\0b =?utf-8?q?=00?=\r\nMessage-Id: <a\0b@x.test>\r\n\r\n\0\r\n",
        b"From: \xff\xfe\r\nX-Mailgun-Tag: \xff\0\r\n\r\n\xff\r\n",
        b"From: ann@smtp.example.com\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\nx\r\n",
        b"From: ann@smtp.example.com\r\nX-Long: " + b"x" * 300_000 + b"\r\n\r\nx\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\nFrom: a@x.test\r\n\r\n"
        + b"--b\r\n\r\nx\r\n" * 5000
        + b"--b--\r\n",
        b'X-Mailgun-Variables: {"a": \r\nFrom: a@x.test\r\n\r\nx\r\n',
        b"X-Mailgun-Recipient-Variables: [1]\r\nFrom: a@x.test\r\n\r\nx\r\n",
    ],
)
async def test_no_content_is_a_fault_of_ours(
    door: Door, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    code, text = await door.send(raw)
    assert code == 250 or 500 <= code < 600, text
    assert len(await door.accepted()) == (code == 250)
    assert "SMTP hook failed" not in caplog.text


async def test_who_is_locked_out_sends_nothing_more_in_an_open_session(door: Door) -> None:
    def change() -> None:
        hashed = domains.hash_password("another-password")
        door.api.db.write_now(_set_password, hashed)

    def work(client: smtplib.SMTP) -> list[int]:
        codes = [client.mail("ann@smtp.example.com")[0]]
        client.rset()
        change()
        return [*codes, client.mail("ann@smtp.example.com")[0]]

    assert await door.ask(work) == [250, 421]


def _set_password(tx: Any, hashed: str) -> None:
    found = domains.login(tx, f"postmaster@{DOMAIN}")
    assert found is not None
    credentials.set_password(tx, found.domain_id, "postmaster", hashed, 1)


async def test_recipient_variables_in_a_container(door: Door) -> None:
    variables = {f"u{n}@there.test": {"name": f"N{n}"} for n in range(50)}
    container = MIMEMultipart("mailgun-variables")
    container.attach(MIMEApplication(json.dumps(variables).encode(), "json"))
    inner = email.message_from_bytes(
        b"From: ann@smtp.example.com\nTo: %recipient%\nSubject: Hi %recipient.name%\nX-Mailgun-Tag: inner\n\nHello.\n"
    )
    container.attach(MIMEMessage(inner))
    container["X-Mailgun-Variables"] = '{"outer": "1"}'
    raw = container.as_bytes().replace(b"\n", b"\r\n")
    code, text = await door.send(raw, ["u1@there.test", "u7@there.test"])
    assert code == 250, text
    told = [event for event in await door.accepted() if event.get("recipient")]
    assert {(e["recipient"], e["message"]["headers"]["subject"]) for e in told} == {
        ("u1@there.test", "Hi N1"),
        ("u7@there.test", "Hi N7"),
    }
    assert {e["message"]["headers"]["to"] for e in told} == {"u1@there.test", "u7@there.test"}
    assert all(e["tags"] == ["inner"] and e["user-variables"] == {"outer": "1"} for e in told)
    assert all("batch" in e for e in told)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [("application/json", "{}")],
        [("message/rfc822", "From: a@b.co\n\nx")],
        [("application/json", "\xff"), ("message/rfc822", "From: a@smtp.example.com\r\n\r\nx")],
    ],
)
async def test_a_broken_container_is_refused(door: Door, parts: list[tuple[str, str]]) -> None:
    body = "".join(f"--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts)
    raw = f"Content-Type: multipart/mailgun-variables; boundary=b\r\n\r\n{body}--b--\r\n".encode("latin-1")
    code, _ = await door.send(raw)
    assert 500 <= code <= 599 and await door.accepted() == []


async def test_the_trace_names_tls_and_the_client(door: Door) -> None:
    await door.send(MESSAGE)
    url = (await door.accepted())[0]["storage"]["url"]
    path = url[url.index("/v3/") :]
    stored = await door.api.db.read(lambda tx: tx.scalar(select(messages_table.c.meta)))
    received = decode_meta(stored).received
    assert path and received.startswith("from me.test ([127.0.0.1]) by mail.example.com with SMTP id ")
    assert re.search(r"id [0-9a-f]{24} \(version=TLS1\.\d, cipher=[A-Z0-9_-]+\); ", received)


async def test_guessing_is_slowed_then_refused_and_hurts_nobody_else(door: Door) -> None:
    door.policy.logins = Logins(delay=0.001)

    def guess(n: int) -> int:
        with smtplib.SMTP(
            "127.0.0.1", door.port, "evil.test", timeout=10, source_address=("127.0.0.9", 0)
        ) as client:
            client.starttls(context=_trusting())
            client.ehlo()
            token = base64.b64encode(f"\0postmaster@{DOMAIN}\0guess-{n}".encode()).decode()
            return client.docmd("AUTH", f"PLAIN {token}")[0]

    codes = [await asyncio.to_thread(guess, n) for n in range(60)]
    assert codes[:10] == [535] * 10 and set(codes[10:]) == {421}
    assert (await door.send(MESSAGE))[0] == 250  # from another address, into the same account


async def test_many_connections_at_once_log_in_and_many_guesses_do_not_slip_through(door: Door) -> None:
    def auth(password: str) -> int:
        with smtplib.SMTP("127.0.0.1", door.port, "me.test", timeout=30) as client:
            client.starttls(context=_trusting())
            client.ehlo()
            token = base64.b64encode(f"\0postmaster@{DOMAIN}\0{password}".encode()).decode()
            return client.docmd("AUTH", f"PLAIN {token}")[0]

    with ThreadPoolExecutor(24) as clients:

        async def at_once(passwords: list[str]) -> Counter[int]:
            loop = asyncio.get_running_loop()
            return Counter(
                await asyncio.gather(*(loop.run_in_executor(clients, auth, each) for each in passwords))
            )

        assert await at_once(["secret-password"] * 24) == {235: 24}
        door.policy.logins = Logins(delay=0.001)
        assert await at_once([f"guess-{n}" for n in range(24)]) == {535: 10, 421: 14}


async def test_a_stranger_cannot_lock_the_owner_out(door: Door) -> None:
    clock = [0.0]
    door.policy.logins = Logins(delay=0, clock=lambda: clock[0])
    assert (await door.send(MESSAGE))[0] == 250
    for n in range(40):  # one guess from each of many addresses
        door.policy.logins.begin(f"198.51.100.{n}", f"postmaster@{DOMAIN}")
    assert not door.policy.logins.begin("198.51.100.200", f"postmaster@{DOMAIN}")
    assert (await door.send(MESSAGE))[0] == 250


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\n.\r"])
async def test_only_one_message_ever_comes_of_one(door: Door, end: bytes) -> None:
    smuggled = b"MAIL FROM:<ann@smtp.example.com>\r\nRCPT TO:<evil@there.test>\r\nDATA\r\nFrom: x@y.z\r\n\r\nEvil\r\n"
    code, _ = await door.send(MESSAGE + b"a" + end + smuggled)
    assert code == 250
    assert [event["recipient"] for event in await door.accepted()] == ["bob@there.test"]


async def test_nothing_said_before_tls_is_done_after(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    await reader.readline()
    writer.write(b"EHLO me\r\n")
    while not (await reader.readline()).startswith(b"250 "):
        pass
    token = base64.b64encode(f"\0postmaster@{DOMAIN}\0secret-password".encode())
    writer.write(b"STARTTLS\r\nEHLO me\r\nAUTH PLAIN " + token + b"\r\nMAIL FROM:<a@smtp.example.com>\r\n")
    assert (await reader.readline()).startswith(b"220")
    await writer.start_tls(_trusting())
    writer.write(b"NOOP\r\nMAIL FROM:<a@smtp.example.com>\r\n")
    assert (await reader.readline()).startswith(b"250 2.0.0")  # of NOOP: nothing injected was answered
    assert (await reader.readline()).startswith(b"503")  # no EHLO counts
    writer.close()


async def test_idle_connections_are_bounded_and_keep_nobody_out(door: Door) -> None:
    door.policy.max_connections = 100
    idle = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(250)]
    assert len(door.policy.connections) <= 100
    assert (await door.send(MESSAGE))[0] == 250
    for reader, _ in idle[:100]:  # the oldest made room
        assert (await reader.readline()).startswith(b"220")
        assert (await reader.readline()).startswith(b"421")
    for _, writer in idle:
        writer.close()


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
