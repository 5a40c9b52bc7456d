"""Real processes: mail in over SMTP, out to a URL and an address; processes killed between; the official client."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from mailgun.client import Client

from postwright.testing.catcher import Catcher
from postwright.testing.server import Server
from postwright.testing.sink import Sink
from tests.conftest import StartServer

from .conftest import DOMAIN, Api, wait_for


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Ann <ann@there.test>", f"bob@{DOMAIN}"
    message["Subject"], message["Message-Id"] = subject, f"<{subject}@there.test>"
    message.set_content("Hello.")
    return message


async def deliver(api: Api, *subjects: str) -> None:
    def run() -> None:
        with smtplib.SMTP(*api.server.mx, timeout=20) as client:
            for subject in subjects:
                client.send_message(mail(subject), "ann@there.test", [f"bob@{DOMAIN}"])

    await asyncio.to_thread(run)


async def died(server: Server) -> bool:
    """Whether the supervisor saw one of its processes end."""
    return "process ended" in server.log_tail()


def settings(sink: Sink, **more: str) -> dict[str, str]:
    return {
        "domain": DOMAIN,
        "delivery": f"smarthost:127.0.0.1:{sink.port}",
        "allow_private_targets": "yes",
        "verify_domains": "trust",
        "rate_limits": "off",
        "retry_schedule": "1,1,1",
        "route_retry_schedule": "1,1,1",
    } | more


async def test_the_official_client_and_a_message_all_the_way(
    start_server: StartServer, http: aiohttp.ClientSession, sink: Sink, catcher: Catcher
) -> None:
    api = Api(await start_server(**settings(sink)), http)
    actions = [f'forward("{catcher.url("/in")}")', 'forward("eve@example.net")', "stop()"]

    def use() -> list[Any]:
        with Client(auth=("api", api.server.api_key), api_url=api.server.base_url) as client:
            new = {
                "priority": 0,
                "description": "Sample",
                "expression": f"match_recipient('.*@{DOMAIN}')",
                "action": actions,
            }
            made = client.routes.create(data=new).json()
            key = made["route"]["id"]
            shown = client.routes.get(route_id=key).json()
            listed = client.routes.get(filters={"skip": 0, "limit": 1}).json()
            changed = client.routes.put(route_id=key, data={"priority": 2}).json()
            matched = client.routes_match.get(filters={"address": f"bob@{DOMAIN}"}).json()
            return [made, shown, listed, changed, matched]

    made, shown, listed, changed, matched = await asyncio.to_thread(use)
    assert made["message"] == "Route has been created" and made["route"]["actions"] == actions
    assert shown["route"] == made["route"] and listed == {"items": [made["route"]], "total_count": 1}
    assert changed["id"] == made["route"]["id"] and changed["priority"] == 2
    assert matched["route"]["id"] == made["route"]["id"]

    catcher.script = [500, 200]
    await deliver(api, "one")
    (out,) = await sink.wait(1)
    assert out.recipients == ["eve@example.net"] and out.sender.startswith("SRS0=")
    assert b"ARC-Seal: i=1;" in out.data and b"Subject: one" in out.data
    await catcher.wait(2)
    assert parse_qs(catcher.caught[1].body.decode())["subject"] == ["one"]
    event = await api.wait_event("delivered", "one@there.test", recipient=f"bob@{DOMAIN}")
    assert event["envelope"]["transport"] == "http" and event["delivery-status"]["attempt-no"] == 2
    await api.wait_event("failed", "one@there.test", severity="temporary")
    await api.wait_event("delivered", "one@there.test", recipient="eve@example.net")


@pytest.mark.parametrize("where", ["inbound.committed", "inbound.handled", "inbound.posted"])
async def test_what_was_acknowledged_arrives_whatever_dies(
    start_server: StartServer, http: aiohttp.ClientSession, sink: Sink, catcher: Catcher, where: str
) -> None:
    """SIGKILL after the message is stored, before its handling is, and after the receiver's answer."""
    server = await start_server(**settings(sink, failpoints=f"{where}=kill@2"))
    api = Api(server, http)
    fields = {
        "expression": "catch_all()",
        "action": [f'forward("{catcher.url()}")', 'forward("eve@example.net")'],
    }
    pairs = [(k, v) for k, each in fields.items() for v in ([each] if isinstance(each, str) else each)]
    status, _ = await api.call("POST", "/v3/routes", data=pairs)
    assert status == 200
    subjects = ["one", "two", "three"]
    for subject in subjects:
        for _ in range(20):  # a process that was killed is started again
            try:
                await deliver(api, subject)
                break
            except (smtplib.SMTPException, OSError):
                await asyncio.sleep(0.3)

    await wait_for(lambda: died(server), "process that was killed", 30)
    await server.kill()
    server.settings["failpoints"] = ""
    await server.start()

    def told() -> set[str]:
        return {parse_qs(call.body.decode())["subject"][0] for call in catcher.caught}

    def arrived() -> set[str]:
        return {s for s in subjects if any(f"Subject: {s}\r\n".encode() in m.data for m in sink.messages)}

    for _ in range(600):
        if told() == set(subjects) == arrived():
            break
        await asyncio.sleep(0.05)
    assert told() == set(subjects) == arrived()


async def test_a_domain_that_keeps_mail_sealed_keeps_copies_sealed_too(
    start_server: StartServer, http: aiohttp.ClientSession, sink: Sink
) -> None:
    """Forwarded copies wait in the store as well: nothing readable of them is on the disk."""
    server = await start_server(**settings(sink, roles="http,smtp,projector"))
    api = Api(server, http)
    name = "sealed.example.com"
    status, body = await api.call(
        "POST", "/v4/domains", data={"name": name, "encrypt_incoming_message": "yes"}
    )
    assert status == 200 and body["domain"]["encrypt_incoming_message"] is True
    route = [
        ("expression", f"match_recipient('.*@{name}')"),
        ("action", 'forward("eve@example.net")'),
        ("action", "stop()"),
    ]
    status, _ = await api.call("POST", "/v3/routes", data=route)
    assert status == 200
    message = mail("sealed")
    message.replace_header("To", f"bob@{name}")
    message.set_content("A very secret sentence.")

    def send() -> None:
        with smtplib.SMTP(*server.mx, timeout=20) as client:
            client.send_message(message, "ann@there.test", [f"bob@{name}"])

    await asyncio.to_thread(send)

    async def queued() -> bool:
        return any(event.get("routes") for event in await api.events(name, event="accepted"))

    await wait_for(queued, "a copy for eve", 40.0)
    data = server.folder
    kept = [
        path
        for path in data.rglob("*")
        if path.is_file() and "very secret" in path.read_bytes().decode("latin-1")
    ]
    assert kept == []
    await server.kill()
    server.settings["roles"] = "http,smtp,delivery,projector"
    await server.start()
    (out,) = await sink.wait(1)
    assert out.recipients == ["eve@example.net"] and b"A very secret sentence." in out.data
