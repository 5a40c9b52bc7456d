"""The official Python client, for every operation that works."""

import email
import email.policy
import time
from typing import Any

import pytest
from mailgun.client import AsyncClient, Client
from mailgun.security import SecurityGuard

from postwright.testing.catcher import Catcher
from postwright.testing.sink import Sink
from tests.e2e.conftest import DOMAIN, Api

from .conftest import using

MESSAGE = {
    "from": f"Ann <ann@{DOMAIN}>",
    "to": ["Bob <bob@example.net>", "eve@example.org"],
    "cc": "carl@example.net",
    "subject": "Grüße",
    "text": "Hello.",
    "html": "<p>Hello <img src='cid:dot.png'></p>",
    "o:tag": ["one", "two"],
    "o:testmode": False,
    "v:my-data": '{"a": 1}',
    "h:X-Own": "own",
}


def client(api: Api) -> Client:
    return Client(auth=("api", api.server.api_key), api_url=api.server.base_url)


def ok(reply: Any) -> Any:
    assert reply.status_code == 200, (reply.status_code, reply.text)
    assert reply.headers["content-type"].startswith("application/json")
    return reply.json()


async def test_a_message_with_files(api: Api, sink: Sink) -> None:
    def send() -> Any:
        files = [
            ("attachment", ("räport.txt", b"first\nfile")),
            ("attachment", ("second.bin", bytes(range(256)) * 300)),
            ("inline", ("dot.png", b"\x89PNG")),
        ]
        with client(api) as sdk:
            return ok(sdk.messages.create(domain=DOMAIN, data=MESSAGE, files=files))

    sent = await using(send)
    assert sent["message"] == "Queued. Thank you." and sent["id"].startswith("<")
    messages = await sink.wait(3)
    assert sorted(m.recipients[0] for m in messages) == [
        "bob@example.net",
        "carl@example.net",
        "eve@example.org",
    ]
    parsed = email.message_from_bytes(messages[0].data, policy=email.policy.default)
    assert (parsed["To"], parsed["Cc"]) == ("Bob <bob@example.net>, eve@example.org", "carl@example.net")
    assert (parsed["Subject"], parsed["X-Own"]) == ("Grüße", "own")
    files = {
        part.get_filename(): part.get_payload(decode=True) for part in parsed.walk() if part.get_filename()
    }
    assert files["räport.txt"].replace(b"\r\n", b"\n") == b"first\nfile"
    assert files["second.bin"] == bytes(range(256)) * 300 and files["dot.png"] == b"\x89PNG"
    event = await api.wait_event("delivered", sent["id"].strip("<>"))
    assert event["tags"] == ["one", "two"] and event["user-variables"] == {"my-data": '{"a": 1}'}


async def test_mime_stored_and_sent_again(api: Api, sink: Sink) -> None:
    raw = b"From: ann@mail.example.com\r\nTo: bob@example.net\r\nSubject: raw\r\n\r\nHello.\r\n"

    def send() -> Any:
        with client(api) as sdk:
            data = {"to": ["bob@example.net"], "o:tag": "mime"}
            return ok(sdk.mimemessage.create(domain=DOMAIN, data=data, files={"message": ("m.mime", raw)}))

    sent = await using(send)
    (message,) = await sink.wait(1)
    assert message.data.endswith(b"Subject: raw\r\n\r\nHello.\r\n")
    event = await api.wait_event("delivered", sent["id"].strip("<>"))
    assert event["tags"] == ["mime"]
    url = event["storage"]["url"]

    def again() -> Any:
        with client(api) as sdk:
            return ok(
                sdk.resend_message.create(domain=DOMAIN, data={"to": "eve@example.org"}, storage_url=url)
            )

    resent = await using(again)
    assert resent["message"] == "Queued. Thank you." and resent["id"] != sent["id"]
    assert (await sink.wait(2))[1].recipients == ["eve@example.org"]


async def test_queues_and_purge(api: Api, sink: Sink) -> None:
    later = str(int(time.time()) + 3600)

    def use() -> Any:
        with client(api) as sdk:
            ok(sdk.messages.create(domain=DOMAIN, data=MESSAGE | {"o:deliverytime": later}))
            queues = ok(sdk.domains_sendingqueues.get(domain=DOMAIN))
            purged = ok(sdk.envelopes.delete(domain=DOMAIN))
            return queues, purged

    queues, purged = await using(use)
    assert queues["regular"]["is_disabled"] is False and queues["scheduled"]["is_disabled"] is False
    assert purged == {"message": "done"}


async def test_events_and_their_stream(api: Api, sink: Sink) -> None:
    for number in range(7):
        await api.send(subject=f"s{number}", o__tag=["streamed"])
    await sink.wait(7)

    async def all_there() -> bool:
        return len(await api.events(event="delivered")) == 7

    deadline = time.monotonic() + 15
    while not await all_there():
        assert time.monotonic() < deadline

    def use() -> Any:
        with client(api) as sdk:
            page = ok(sdk.events.get(domain=DOMAIN, filters={"event": "delivered", "limit": 3}))
            return page, list(sdk.events.stream(domain=DOMAIN, filters={"event": "delivered", "limit": 3}))

    page, streamed = await using(use)
    assert len(page["items"]) == 3 and set(page["paging"]) == {"next", "previous", "first", "last"}
    assert {item["event"] for item in streamed} == {"delivered"}
    # The client follows only the query of a link (behaviour.md 19), and must neither loop nor lose anything.
    assert len({item["id"] for item in streamed}) == len(streamed) == 7


async def test_domains(api: Api) -> None:
    name = "new.example.com"

    def use() -> dict[str, Any]:
        with client(api) as sdk:
            created = ok(sdk.domains.create(data={"name": name, "smtp_password": "long-enough-secret"}))
            listed = ok(sdk.domainlist.get())
            shown = ok(sdk.domains.get(domain_name=name))
            changed = ok(sdk.domains.put(domain=name, data={"web_scheme": "https"}))
            verified = ok(sdk.domains_verify.put(domain=name, verify=True))
            deleted = ok(sdk.domains.delete(domain=name))
            gone = sdk.domains.get(domain_name=name)
            return locals()

    seen = await using(use)
    assert seen["created"]["message"] == "Domain DNS records have been created"
    assert {"domain", "receiving_dns_records", "sending_dns_records"} <= set(seen["created"])
    assert name in [each["name"] for each in seen["listed"]["items"]]
    assert seen["shown"]["domain"]["name"] == name
    assert seen["changed"]["domain"]["web_scheme"] == "https"
    assert seen["verified"]["domain"]["state"] == "active"
    assert seen["gone"].status_code == 404


async def test_keys_and_the_signature_of_a_webhook(api: Api, sink: Sink, catcher: Catcher) -> None:
    def use() -> dict[str, Any]:
        with client(api) as sdk:
            made = ok(sdk.keys.create(data={"role": "developer", "description": "SDK"}))["key"]
            listed = ok(sdk.keys.get())
            deleted = ok(sdk.keys.delete(key_id=made["id"]))
            ok(sdk.domains_webhooks.create(domain=DOMAIN, data={"id": "delivered", "url": catcher.url()}))
            ok(sdk.messages.create(domain=DOMAIN, data=MESSAGE))
            return locals()

    seen = await using(use)
    signing = (await api.get("/v5/accounts/http_signing_key"))["http_signing_key"]
    assert seen["made"]["id"] in [key["id"] for key in seen["listed"]["items"]]
    assert seen["deleted"] == {"message": "key deleted"}
    (call, *_) = await catcher.wait(1)
    signature = call.json["signature"]
    given = (signature["token"], signature["timestamp"], signature["signature"])
    assert SecurityGuard.verify_webhook(signing, *given, max_age_seconds=300)
    assert not SecurityGuard.verify_webhook("another", *given)


async def test_the_asynchronous_client(api: Api, sink: Sink) -> None:
    async with AsyncClient(auth=("api", api.server.api_key), api_url=api.server.base_url) as sdk:
        files = [("attachment", ("a.txt", b"file"))]
        reply = await sdk.messages.create(domain=DOMAIN, data=MESSAGE, files=files)
        assert reply.status_code == 200 and reply.json()["message"] == "Queued. Thank you."
    assert len(await sink.wait(3)) == 3


@pytest.mark.parametrize("path", ["v3/nothing", "v9/domains"])
async def test_what_does_not_exist(api: Api, path: str) -> None:
    assert await api.call("GET", f"/{path}") == (404, {"error": "not found", "message": "not found"})
