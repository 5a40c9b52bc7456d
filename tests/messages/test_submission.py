"""The submission door, over real SMTP: what is taken, what is refused, and what then is in the store."""

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from postwright import domains, events
from postwright.apps.smtp import acceptor
from postwright.apps.tls import self_signed_context
from postwright.kernel.db import Db
from postwright.mail.smtp import SmtpServer
from postwright.messages.smtp import SubmissionPolicy
from tests.world import World, world

DOMAIN = "smtp.example.com"
MESSAGE = b"From: ann@smtp.example.com\r\nTo: bob@there.test\r\nSubject: Hi\r\n\r\nHello.\r\n"


class Door:
    """The door of a world; `ask` runs a client in a thread."""

    def __init__(self, api: World, port: int) -> None:
        self.api, self.port = api, port

    async def ask(self, work: Callable[[smtplib.SMTP], Any], *, login: bool = True) -> Any:
        def run() -> Any:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with smtplib.SMTP("127.0.0.1", self.port, "me.test", timeout=10) as client:
                client.starttls(context=context)
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
            yield Door(api, server.sockets[0].getsockname()[1])


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
