"""From where, and for whom, the doors of a running server open: allowlists, disabled accounts, known proxies."""

import asyncio
import email
import smtplib
import ssl
from collections.abc import Sequence
from typing import Any

import aiohttp

from postwright.testing.server import Server
from postwright.testing.sink import Message, Sink

from .conftest import DOMAIN, Api, wait_for

ALLOWLIST = "/v2/ip_whitelist"
SUBACCOUNTS = "/v5/accounts/subaccounts"
CHILD = "child.example.com"
PASSWORD = "first-secret"
CLIENT = {"X-Forwarded-For": "203.0.113.9"}


def connect(server: Server) -> smtplib.SMTP:
    """A submission connection with TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = smtplib.SMTP(*server.smtp, timeout=10)
    client.starttls(context=context)
    return client


def refusal(server: Server, login: str) -> tuple[int, bytes] | None:
    """What AUTH is answered when it is refused."""
    with connect(server) as client:
        try:
            client.login(login, PASSWORD)
        except smtplib.SMTPAuthenticationError as no:
            return no.smtp_code, no.smtp_error  # type: ignore[return-value]
    return None


def submit(client: smtplib.SMTP, sender: str, subject: str) -> None:
    raw = f"From: {sender}\r\nTo: bob@example.net\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    client.sendmail(sender, ["bob@example.net"], raw)


def refused(client: smtplib.SMTP, sender: str) -> int:
    """The code that a message is refused with."""
    try:
        submit(client, sender, "no")
    except smtplib.SMTPSenderRefused as no:
        return no.smtp_code
    raise AssertionError("it was taken")


def subjects(messages: Sequence[Message]) -> list[str]:
    return sorted(email.message_from_bytes(message.data)["Subject"] for message in messages)


async def test_allowlists_and_proxies(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    server: Server = await start_server(**settings, trusted_proxies="127.0.0.0/8", public_url="")
    api = Api(server, http)

    async def status(path: str, **headers: str) -> int:
        return (await api.call("GET", path, headers=CLIENT | headers))[0]

    login = {"login": f"alice@{DOMAIN}", "password": PASSWORD}
    assert (await api.call("POST", f"/v3/domains/{DOMAIN}/credentials", data=login))[0] == 200
    with await asyncio.to_thread(connect, server) as open_session:
        await asyncio.to_thread(open_session.login, f"alice@{DOMAIN}", PASSWORD)
        await asyncio.to_thread(submit, open_session, f"a@{DOMAIN}", "before")
        # From now on only through the proxy, for one network behind it; SMTP comes from 127.0.0.1 itself.
        listed = {"address": "203.0.113.0/24", "description": "office"}
        assert (await api.call("POST", ALLOWLIST, data=listed, headers=CLIENT))[0] == 200
        assert await status("/v4/domains") == 200
        assert (await api.call("GET", "/v4/domains")) == (403, {"message": "Forbidden"})
        spoofed = {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}
        assert (await api.call("GET", "/v4/domains", headers=spoofed))[0] == 403
        await asyncio.sleep(1.1)  # as long as a list may be remembered
        assert (await asyncio.to_thread(refusal, server, f"alice@{DOMAIN}") or (0,))[0] == 535
        assert await asyncio.to_thread(refused, open_session, f"a@{DOMAIN}") == 421
    assert (await api.call("POST", ALLOWLIST, data={"address": "127.0.0.1"}, headers=CLIENT))[0] == 200
    await asyncio.sleep(1.1)
    assert await asyncio.to_thread(refusal, server, f"alice@{DOMAIN}") is None
    assert subjects(await sink.wait(1)) == ["before"]
    # The audit log has the client, and links begin as the proxy was asked.
    told = (await api.call("GET", "/postwright/v1/audit"))[1]["items"]
    assert [each["by"]["address"] for each in told if each["action"] == "ip_allowlist.add"] == [
        "203.0.113.9"
    ] * 2
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "mail.example.com"}
    page = (await api.call("GET", f"/v3/{DOMAIN}/bounces", headers=CLIENT | said))[1]["paging"]
    assert page["first"].startswith("https://mail.example.com/v3/")


async def test_a_disabled_account_at_both_doors(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    server: Server = await start_server(**settings)
    api = Api(server, http)
    made = (await api.call("POST", SUBACCOUNTS, data={"name": "Child"}))[1]["subaccount"]
    behalf = {"X-Mailgun-On-Behalf-Of": made["id"]}
    domain = {"name": CHILD, "smtp_password": PASSWORD}
    assert (await api.call("POST", "/v4/domains", data=domain, headers=behalf))[0] == 200
    wanted = {"role": "admin"}
    key = (await api.call("POST", "/v1/keys", data=wanted, headers=behalf))[1]["key"]["secret"]
    form = {"from": f"a@{CHILD}", "to": "bob@example.net", "subject": "form", "text": "x"}
    path = f"/v3/{CHILD}/messages"
    login = f"postmaster@{CHILD}"
    with await asyncio.to_thread(connect, server) as session:
        await asyncio.to_thread(session.login, login, PASSWORD)
        await asyncio.to_thread(submit, session, f"a@{CHILD}", "smtp")
        assert (await api.call("POST", path, key=key, data=form))[0] == 200
        await sink.wait(2)
        assert (await api.call("POST", f"{SUBACCOUNTS}/{made['id']}/disable"))[0] == 200
        await asyncio.sleep(1.1)
        assert await asyncio.to_thread(refused, session, f"a@{CHILD}") == 525
    code, text = await asyncio.to_thread(refusal, server, login) or (0, b"")
    assert (code, text) == (525, b"5.7.13 Account is disabled")
    for each in (key, None):  # its own key, and that of its owner
        headers = {} if each else behalf
        status, body = await api.call("POST", path, key=each, data=form, headers=headers)
        assert (status, body["message"]) == (403, "Account is disabled")
        assert (await api.call("GET", "/v4/domains", key=each, headers=headers))[0] == 403
    assert (await api.call("POST", f"{SUBACCOUNTS}/{made['id']}/enable"))[0] == 200

    async def works() -> bool:
        return (await api.call("POST", path, key=key, data=form | {"subject": "again"}))[0] == 200

    await wait_for(works, "the key works again")
    assert await asyncio.to_thread(refusal, server, login) is None
    assert subjects(await sink.wait(3)) == ["again", "form", "smtp"]
