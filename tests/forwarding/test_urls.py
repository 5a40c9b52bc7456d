"""Received mail as receivers of forwards get it, and what becomes of calls that fail."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import django
import pytest
from anymail.signals import inbound
from anymail.webhooks.mailgun import MailgunInboundWebhookView
from django.conf import settings as django_settings
from django.http import HttpRequest
from django.test import RequestFactory

from postwright.forwarding.store import calls
from postwright.kernel import failpoints
from postwright.testing.catcher import Catcher, Caught

from .conftest import DOMAIN, Site
from .samples import BROKEN, FULL, HTML, PLAIN

if not django_settings.configured:
    django_settings.configure(USE_TZ=True, ALLOWED_HOSTS=["*"], DEFAULT_CHARSET="utf-8")
django_settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = None
django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
django.setup()


def request(call: Caught) -> HttpRequest:
    """The call as Django reads it: not with our code."""
    return RequestFactory().generic("POST", call.path, call.body, content_type=call.headers["content-type"])


def fields(call: Caught) -> dict[str, list[str]]:
    return dict(request(call).POST.lists())


async def anymail(call: Caught, key: str) -> Any:
    """What django-anymail makes of a call, the signature checked with the account's key."""
    got: list[Any] = []

    def take(sender: Any, event: Any, **_: Any) -> None:
        got.append(event)

    inbound.connect(take)
    try:
        view = MailgunInboundWebhookView.as_view(webhook_signing_key=key)
        answer = await asyncio.to_thread(view, request(call))
    finally:
        inbound.disconnect(take)
    assert answer.status_code == 200
    (event,) = got
    return event


async def test_every_field(site: Site, catcher: Catcher) -> None:
    route = await site.route(f'match_recipient("bob@{DOMAIN}")', f'forward("{catcher.url("/in?x=1")}")')
    await site.receive(PLAIN, sender="env@there.test")
    (call,) = await catcher.wait(1)
    assert (call.method, call.path) == ("POST", "/in?x=1")
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    got = fields(call)
    assert got["recipient"] == [f"bob@{DOMAIN}"] and got["sender"] == ["env@there.test"]
    assert got["from"] == got["From"] == ["Jürgen <ann@there.test>"]
    assert got["subject"] == got["Subject"] == ["Grüße"]
    assert got["To"] == ["Bob <bob@one.example.com>"] and got["Message-Id"] == ["<one@there.test>"]
    assert got["X-Two"] == ["first", "second"] and len(got["Received"]) == 2
    assert got["X-Mailgun-Incoming"] == ["Yes"] and got["X-Envelope-From"] == ["<env@there.test>"]
    assert got["body-plain"] == [
        "Schön.\r\n\r\n-- \r\nJürgen\r\n\r\nOn Mon, 1 Jan 2024 Bob wrote:\r\n> Hi\r\n"
    ]
    assert got["stripped-text"] == ["Schön."] and got["stripped-signature"] == ["-- \r\nJürgen"]
    for name in ("body-html", "stripped-html", "attachment-count", "attachments", "content-id-map", "event"):
        assert name not in got
    headers = json.loads(got["message-headers"][0])
    assert headers[0] == ["X-Mailgun-Incoming", "Yes"] and ["Subject", "Grüße"] in headers
    assert [value for name, value in headers if name == "X-Two"] == ["first", "second"]
    key = await site.key()
    (stamp,), (token,), (signature,) = got["timestamp"], got["token"], got["signature"]
    assert stamp == str(site.api.clock.now() // 1_000_000) and len(token) == 50
    assert signature == hmac.new(key.encode(), (stamp + token).encode(), hashlib.sha256).hexdigest()

    def settled(found: list[dict[str, Any]]) -> bool:
        return len(found) == 3

    taken, routed, delivered = await site.until(settled)
    assert [taken["event"], routed["event"], delivered["event"]] == ["accepted", "accepted", "delivered"]
    assert "routes" not in taken and taken["flags"]["is-routed"] is False
    assert routed["flags"]["is-routed"] is True and routed["flags"]["is-authenticated"] is False
    (by,) = routed["routes"]
    assert by["id"] == route["id"] and by["expression"] == route["expression"]
    assert by["match"] == {"recipient": f"bob@{DOMAIN}"} and by["actions"] == route["actions"]
    url = catcher.url("/in?x=1")
    assert delivered["envelope"] == {"sender": "env@there.test", "transport": "http", "targets": url}
    status = delivered["delivery-status"]
    assert (status["code"], status["message"], status["attempt-no"]) == (200, "OK", 1)
    assert not {"mx-host", "tls", "utf8", "certificate-verified"} & set(status)
    assert delivered["storage"]["key"] == taken["storage"]["key"] == routed["storage"]["key"]
    assert delivered["message"]["headers"]["message-id"] == "one@there.test"


async def test_anymail_takes_both_variants(site: Site, catcher: Catcher) -> None:
    urls = f"{catcher.url('/parsed')}, {catcher.url('/raw_mime')}"
    await site.route("catch_all()", f'forward("{urls}")')
    await site.receive(FULL)
    calls = {call.path: call for call in await catcher.wait(2)}
    key = await site.key()
    parsed = calls["/parsed"]
    assert parsed.headers["content-type"].startswith("multipart/form-data; boundary=")
    got = fields(parsed)
    assert got["attachment-count"] == ["4"] and got["body-calendar"] == ["BEGIN:VCALENDAR"]
    assert json.loads(got["content-id-map"][0]) == {"<pic@x>": "attachment-1"}
    assert (
        got["stripped-html"][0].strip().endswith("</p></body></html>")
        and "old" not in got["stripped-html"][0]
    )
    assert "attachments" not in got

    event = await anymail(parsed, key)
    message = event.message
    assert event.event_type == "inbound" and event.event_id == got["token"][0]
    assert (message.envelope_sender, message.envelope_recipient) == ("ann@there.test", f"bob@{DOMAIN}")
    assert message.from_email.addr_spec == "ann@there.test" and message.subject == "Files"
    assert message.text.strip() == "Hello ä" and message.html.startswith("<p>Hello <img")
    assert message.stripped_text.strip() == "Hello ä"
    files = {one.get_filename(): one for one in message.attachments}
    assert files["räport%22.csv"].get_content_bytes().strip() == b"a;b"
    assert files["winmail.dat"].get_content_bytes() == bytes.fromhex("789f3e220001")
    assert b"Inside." in files["attachment-4.eml"].as_bytes()
    inline = message.content_id_map["pic@x"]
    assert inline.get_content_type() == "image/png" and inline.get_content_bytes() == b"\x89PNG\r\n\x1a\n"

    raw = calls["/raw_mime"]
    assert raw.headers["content-type"] == "application/x-www-form-urlencoded"
    got = fields(raw)
    assert got["body-mime"][0].encode().endswith(FULL) and "body-plain" not in got
    event = await anymail(raw, key)
    assert event.message.subject == "Files" and event.message.text.strip() == "Hello ä"
    assert event.message.envelope_recipient == f"bob@{DOMAIN}"
    assert {one.get_filename() for one in event.message.attachments} >= {'räport".csv', "winmail.dat"}


async def test_text_is_made_of_html(site: Site, catcher: Catcher) -> None:
    await site.route("catch_all()", f'forward("{catcher.url()}")')
    await site.receive(HTML)
    (call,) = await catcher.wait(1)
    got = fields(call)
    assert got["body-plain"][0].split() == ["One", "Two", "&", "three"]
    assert got["stripped-text"] == got["body-plain"] and got["stripped-html"] == got["body-html"]


async def test_broken_mail_arrives_too(site: Site, catcher: Catcher) -> None:
    await site.route("catch_all()", f'forward("{catcher.url()}")')
    for raw in BROKEN.values():
        code, text = await site.door.send(raw)
        assert code == 250, text
    await site.door.work()
    calls = await catcher.wait(len(BROKEN), timeout=30)
    key = await site.key()
    for call in calls:
        event = await anymail(call, key)
        assert event.message.envelope_recipient == f"bob@{DOMAIN}"
        assert all(name for name, _ in request(call).FILES.items())
    counted = [fields(call)["attachment-count"] for call in calls if "attachment-count" in fields(call)]
    assert len(counted) == 4 and ["3"] in counted


async def test_many_routes_and_captures(site: Site, catcher: Catcher) -> None:
    await site.route(
        r'match_recipient("(?P<user>.*)\+(.*)@") and match_header("subject", "Files")',
        f'forward("{catcher.url()}u/\\g<user>/\\2")',
        priority=1,
    )
    await site.route('match_recipient(".*")', f'forward("{catcher.url("/b")}")', "stop()", priority=2)
    await site.route('match_recipient(".*")', f'forward("{catcher.url("/never")}")', priority=3)
    await site.route("catch_all()", f'forward("{catcher.url("/never")}")', priority=0)
    await site.receive(FULL, to=f"bob+a b@{DOMAIN}".replace(" ", "%20"))
    paths = {call.path for call in await catcher.wait(3)}
    assert paths == {"/u/bob/a%2520b", "/b", "/never"}  # catch_all stands first here, and nothing matched yet


async def test_nobody_takes_it(site: Site) -> None:
    """What no route and no forward takes is refused at RCPT, or at the end of DATA where headers decide."""
    assert (await site.door.send(PLAIN))[0] == 550
    await site.route('match_header("subject", "Invoice")', "store()")
    assert (await site.door.send(PLAIN))[0] == 550
    assert await site.told() == []
    assert (await site.door.send(PLAIN.replace(b"?q?Gr=FC=DFe?=", b"?q?Invoice?=")))[0] == 250


async def test_retries_and_giving_up(site: Site, catcher: Catcher) -> None:
    catcher.script = [500, 503, 404]
    await site.route("catch_all()", f'forward("{catcher.url()}")')
    await site.receive(PLAIN)
    for number, wait in ((1, 600), (2, 900)):
        await catcher.wait(number)
        failed = await site.until(lambda found, n=number: len(found) == n, "failed")  # type: ignore[misc]
        assert failed[-1]["severity"] == "temporary" and failed[-1]["log-level"] == "warn"
        assert failed[-1]["delivery-status"]["retry-seconds"] == wait
        assert failed[-1]["delivery-status"]["attempt-no"] == number
        site.api.clock.advance(wait - 1)
        await asyncio.sleep(0.3)
        assert len(catcher.caught) == number
        site.api.clock.advance(1)
    await catcher.wait(3)
    failed = await site.until(lambda found: len(found) == 3, "failed")
    last = failed[-1]
    assert (last["severity"], last["reason"], last["flags"]["is-callback"]) == ("permanent", "generic", True)
    assert last["delivery-status"]["code"] == 404 and "retry-seconds" not in last["delivery-status"]
    assert last["envelope"]["transport"] == "http"
    # Every attempt is signed afresh.
    assert len({fields(call)["token"][0] for call in catcher.caught}) == 3


async def test_406_stops(site: Site, catcher: Catcher) -> None:
    catcher.script = 406
    await site.route("catch_all()", f'forward("{catcher.url()}")')
    await site.receive(PLAIN)
    (failed,) = await site.until(len, "failed")
    assert failed["severity"] == "permanent" and failed["delivery-status"]["code"] == 406
    site.api.clock.advance(100_000)
    await asyncio.sleep(0.3)
    assert len(catcher.caught) == 1


async def test_private_addresses_are_not_called(site: Site) -> None:
    await site.route("catch_all()", 'forward("http://10.1.2.3/x")')
    await site.receive(PLAIN)
    (failed,) = await site.until(len, "failed")
    assert (
        failed["severity"] == "temporary" and "not a public address" in failed["delivery-status"]["message"]
    )


async def test_store_and_notify(site: Site, catcher: Catcher) -> None:
    await site.route("catch_all()", f'store(notify="{catcher.url("/stored")}")')
    await site.receive(FULL)
    (call,) = await catcher.wait(1)
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    got = fields(call)
    assert got["domain"] == [DOMAIN] and got["recipient"] == [f"bob@{DOMAIN}"]
    files = json.loads(got["attachments"][0])
    assert [one["name"] for one in files] == ["pic.png", 'räport".csv', "winmail.dat", ""]
    assert {type(one["size"]) for one in files} == {int}
    assert json.loads(got["content-id-map"][0]) == {"<pic@x>": files[0]}
    assert got["body-plain"][0].strip() == "Hello ä" and "stripped-html" in got and "message-headers" in got
    (stored,) = await site.told("stored")
    assert "recipient" not in stored and stored["message"]["recipients"] == [f"bob@{DOMAIN}"]
    assert stored["storage"]["url"] == got["message-url"][0]
    # The links work, with the key, and only of this account.
    path = got["message-url"][0].partition("8025")[2]
    shown = await site.api.ok("GET", path)
    assert shown["subject"] == "Files" and shown["recipients"] == f"bob@{DOMAIN}"
    file = files[1]["url"].partition("8025")[2]
    assert (await site.api.call("GET", file)).content.strip() == b"a;b"
    assert (await site.api.call("GET", file, key=site.api.two.key)).status_code == 404
    assert (await site.api.call("GET", file, key="wrong")).status_code == 401
    # The notification itself is no delivery.
    assert await site.told("delivered") == []


async def test_forwards(site: Site, catcher: Catcher) -> None:
    made = await site.api.ok(
        "POST",
        "/v3/forwards",
        data={
            "match": f"sales-*@{DOMAIN}",
            "forward.url": [catcher.url("/a"), catcher.url("/a/mime")],
            "forward.recipient": "eve@example.net",
            "forward.store": catcher.url("/stored"),
        },
    )
    assert (await site.door.send(FULL, f"other@{DOMAIN}"))[0] == 550
    await site.receive(FULL, f"Sales-1@{DOMAIN}")
    assert {call.path for call in await catcher.wait(3)} == {"/a", "/a/mime", "/stored"}
    (message,) = await site.sink.wait(1)
    assert message.recipients == ["eve@example.net"]
    routed = [event for event in await site.told("accepted") if "routes" in event]
    assert len(routed) == 3 and {event["routes"][0]["id"] for event in routed} == {made["id"]}
    assert len(await site.told("stored")) == 1


async def test_a_call_interrupted_is_made_again(site: Site, catcher: Catcher) -> None:
    """The answer came, its record did not: the receiver is told again rather than never."""
    await site.route("catch_all()", f'forward("{catcher.url()}")')
    failpoints.arm("inbound.posted=fail")
    try:
        await site.receive(PLAIN)
        await catcher.wait(1)
        await asyncio.sleep(0.2)
    finally:
        failpoints.arm("")
    assert await site.told("delivered") == []
    await site.api.db.write(calls.release_all, site.api.clock.now())
    await catcher.wait(2)
    assert len(await site.until(len, "delivered")) == 1


@pytest.mark.parametrize("where", ["inbound.handled"])
async def test_a_crash_before_the_commit_does_nothing_twice(site: Site, catcher: Catcher, where: str) -> None:
    await site.route("catch_all()", f'forward("{catcher.url()}, eve@example.net")', "store()")
    failpoints.arm(f"{where}=fail")
    try:
        await site.receive(PLAIN)
    finally:
        failpoints.arm("")
    assert [event["event"] for event in await site.told()] == ["accepted"]
    site.api.clock.advance(3)
    await site.door.work()
    await catcher.wait(1)
    await site.sink.wait(1)
    assert len(await site.told("stored")) == 1
    assert len([event for event in await site.told("accepted") if "routes" in event]) == 2
