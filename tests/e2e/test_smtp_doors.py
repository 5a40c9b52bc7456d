"""The SMTP doors of a running server: ports, certificates, logins made by the official client."""

import asyncio
import smtplib
import ssl
from pathlib import Path
from typing import Any

import pytest
from mailgun.client import Client

from postwright.apps.start import StartFailed
from postwright.apps.tls import Certificate, _make
from postwright.kernel.settings import SettingsError, load
from postwright.testing.ports import free_ports
from postwright.testing.sink import Sink
from tests.conftest import StartServer

from .conftest import DOMAIN

RAW = f"From: ann@{DOMAIN}\r\nTo: bob@there.test\r\nSubject: Hi\r\n\r\nHello.\r\n"


def trusting(path: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(path))
    context.check_hostname = False
    return context


async def test_both_kinds_of_tls_with_the_operators_certificate(
    start_server: StartServer, sink: Sink, tmp_path: Path
) -> None:
    pem = tmp_path / "own.pem"
    pem.write_bytes(_make("mail.example.com"))
    (port,) = free_ports(1)
    server = await start_server(
        domain=DOMAIN,
        delivery=f"smarthost:127.0.0.1:{sink.port}",
        verify_domains="trust",
        allow_private_targets="yes",
        submission_tls=f"127.0.0.1:{port}",
        tls_cert=str(pem),
    )
    api = Client(auth=("api", server.api_key), api_url=server.base_url)

    def use() -> dict[str, Any]:
        made = api.domains_credentials.create(
            domain=DOMAIN, data={"login": f"alice@{DOMAIN}", "password": "first-secret"}
        ).json()
        with smtplib.SMTP_SSL("127.0.0.1", port, context=trusting(pem), timeout=10) as client:
            offered = (client.ehlo(), client.has_extn("starttls"))[1]
            client.login(f"alice@{DOMAIN}", "first-secret")
            client.sendmail(f"ann@{DOMAIN}", ["bob@there.test"], RAW)
        changed = api.domains_credentials.put(
            domain=DOMAIN, login=f"alice@{DOMAIN}", data={"password": "second-secret"}
        ).json()
        with smtplib.SMTP(*server.smtp, timeout=10) as client:
            client.starttls(context=trusting(pem))
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login(f"alice@{DOMAIN}", "first-secret")
            client.login(f"alice@{DOMAIN}", "second-secret")
            client.sendmail(f"ann@{DOMAIN}", ["eve@there.test"], RAW)
        deleted = api.domains_credentials.delete(domain=DOMAIN, login=f"alice@{DOMAIN}").json()
        with smtplib.SMTP(*server.smtp, timeout=10) as client:
            client.starttls(context=trusting(pem))
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login(f"alice@{DOMAIN}", "second-secret")
        return locals()

    seen = await asyncio.to_thread(use)
    assert seen["made"] == {"message": "Created 1 credentials pair(s)"} and not seen["offered"]
    assert seen["changed"] == {"message": "Password changed"}
    assert seen["deleted"] == {"message": "Credentials have been deleted", "spec": f"alice@{DOMAIN}"}
    messages = await sink.wait(2)
    assert sorted(message.recipients[0] for message in messages) == ["bob@there.test", "eve@there.test"]


async def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(tmp_path: Path) -> None:
    pem = tmp_path / "own.pem"
    pem.write_bytes(_make("old.example.com"))
    certificate = Certificate(load({"POSTWRIGHT_TLS_CERT": str(pem)}), "x")

    async def name() -> bytes:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=certificate.context)
        async with server:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2], ssl=context)
            found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            return bytes(found)

    assert b"old.example.com" in await name()
    assert not certificate.refresh()
    pem.write_text("half a file")
    assert not certificate.refresh()
    assert b"old.example.com" in await name()
    pem.write_bytes(_make("new.example.com"))
    assert certificate.refresh()
    assert b"new.example.com" in await name()


def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="POSTWRIGHT_TLS_CERT"):
        Certificate(load({"POSTWRIGHT_TLS_CERT": str(tmp_path / "none.pem")}), "x")
    with pytest.raises(SettingsError, match="TLS_KEY without"):
        load({"POSTWRIGHT_TLS_KEY": "x"})


def test_where_submission_listens() -> None:
    live = load({"POSTWRIGHT_DELIVERY": "live"})
    assert live.listen("submission") == [("0.0.0.0", 587), ("0.0.0.0", 2525)]
    assert live.listen("submission_tls") == [("0.0.0.0", 465)]
    chosen = load({"POSTWRIGHT_DELIVERY": "live", "POSTWRIGHT_SUBMISSION": "127.0.0.1:2000"})
    assert chosen.listen("submission_tls") == []
    local = load({})
    assert local.listen("submission") == [("127.0.0.1", 2587)] and local.listen("submission_tls") == []
    assert load({"POSTWRIGHT_SUBMISSION": "none"}).listen("submission") == []


async def test_a_batch_over_smtp_gives_everybody_a_copy_of_their_own(
    start_server: StartServer, sink: Sink
) -> None:
    server = await start_server(
        domain=DOMAIN,
        delivery=f"smarthost:127.0.0.1:{sink.port}",
        verify_domains="trust",
        allow_private_targets="yes",
    )
    raw = (
        f"From: ann@{DOMAIN}\r\nTo: %recipient%\r\nSubject: Hi %recipient.name%\r\n"
        'X-Mailgun-Recipient-Variables: {"bob@there.test": {"name": "Bob"}, "eve@there.test": {"name": "Eve"}}\r\n'
        "X-Mailgun-Tag: batch\r\nX-Mailgun-Track: no\r\n\r\nDear %recipient.name%.\r\n"
    )

    def use() -> None:
        with Client(auth=("api", server.api_key), api_url=server.base_url) as api:
            api.domains_credentials.create(domain=DOMAIN, data={"login": "alice", "password": "first-secret"})
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it has made its own
        with smtplib.SMTP(*server.smtp, timeout=10) as client:
            client.starttls(context=context)
            client.login(f"alice@{DOMAIN}", "first-secret")
            client.sendmail(f"ann@{DOMAIN}", ["bob@there.test", "eve@there.test"], raw)

    await asyncio.to_thread(use)
    copies = {message.recipients[0]: message.data for message in await sink.wait(2)}
    for address, name in (("bob@there.test", b"Bob"), ("eve@there.test", b"Eve")):
        data = copies[address]
        assert b"To: " + address.encode() in data and b"Subject: Hi " + name in data
        assert b"Dear " + name + b"." in data
        assert b"X-Mailgun-Tag: batch" in data and b"X-Mailgun-Track: no" in data
        assert b"Recipient-Variables" not in data
