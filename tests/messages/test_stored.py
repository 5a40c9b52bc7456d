"""Stored messages, sent and received: as JSON, as MIME, their files, and deleting them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright import messages
from postwright.kernel.db import Db
from postwright.testing.sink import Sink
from tests.forwarding.conftest import DOMAIN, Site, site_on
from tests.forwarding.samples import FULL, PLAIN


@pytest.fixture
async def site(db: Db, tmp_path: Path, sink: Sink) -> AsyncIterator[Site]:
    async with site_on(db, tmp_path, sink) as made:
        yield made


async def path_of(site: Site) -> str:
    (event, *_) = await site.told("accepted")
    url: str = event["storage"]["url"]
    return url[url.index("/v3/") :]


async def received(site: Site, raw: bytes) -> str:
    await site.route("catch_all()", "store()")
    await site.receive(raw, sender="env@there.test")
    return await path_of(site)


async def test_a_received_message(site: Site) -> None:
    path = await received(site, FULL)
    shown = await site.api.ok("GET", path)
    assert (shown["recipients"], shown["sender"]) == (f"bob@{DOMAIN}", "env@there.test")
    assert shown["from"] == shown["From"] == "Ann <ann@there.test>" and shown["To"] == f"bob@{DOMAIN}"
    assert shown["subject"] == shown["Subject"] == "Files"
    assert shown["body-plain"] == "Hello ä" and "gmail_quote" in shown["body-html"]
    assert shown["stripped-text"] == "Hello ä" and "old" not in shown["stripped-html"]
    assert shown["body-calendar"] == "BEGIN:VCALENDAR" and shown["X-Mailgun-Incoming"] == "Yes"
    assert ["Subject", "Files"] in shown["message-headers"]
    names = [file["name"] for file in shown["attachments"]]
    assert names == ["pic.png", 'räport".csv', "winmail.dat", ""]
    assert shown["content-id-map"] == {"<pic@x>": shown["attachments"][0]}
    for number, expected in enumerate((b"\x89PNG\r\n\x1a\n", b"a;b", bytes.fromhex("789f3e220001"))):
        file = shown["attachments"][number]
        assert file["url"].endswith(f"{path}/attachments/{number}") and file["size"] == len(expected)
        answer = await site.api.call("GET", file["url"][file["url"].index("/v3/") :])
        assert answer.content == expected
        # Whatever somebody sent us is no page of ours.
        assert answer.headers["content-disposition"] == "attachment"
        assert answer.headers["content-type"] == "application/octet-stream"
    assert (await site.api.call("GET", f"{path}/attachments/4")).status_code == 404


async def test_what_others_wrote_never_runs_as_a_page_of_ours(site: Site) -> None:
    raw = b"From: a@there.test\r\nContent-Type: text/html\r\n\r\n<script>document.cookie</script>\r\n"
    key = (await received(site, raw)).rpartition("/")[2]
    answer = await site.api.call("GET", f"/postwright/v1/{DOMAIN}/stored/{key}/preview")
    assert (
        answer.status_code == 200 and b"<script>" in answer.content
    )  # as it is: its policy is what holds it
    policy = {
        name: value
        for name, *value in (part.split() for part in answer.headers["content-security-policy"].split(";"))
    }
    assert policy["sandbox"] == [] and policy["default-src"] == ["'none'"] and "script-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accept", ["message/rfc2822", "message/rfc822"])
async def test_as_mime(site: Site, accept: str) -> None:
    path = await received(site, FULL)
    answer = await site.api.call("GET", path, headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert set(body) == {"recipients", "sender", "from", "subject", "body-mime"}
    assert body["body-mime"].encode().endswith(FULL) and body["sender"] == "env@there.test"


async def test_quotations_are_stripped(site: Site) -> None:
    shown = await site.api.ok("GET", await received(site, PLAIN))
    assert shown["stripped-text"] == "Schön." and shown["stripped-signature"] == "-- \r\nJürgen"
    # A header cannot speak in our place.
    assert shown["recipients"] == f"bob@{DOMAIN}" and shown["attachments"] == []


async def test_deleting(site: Site) -> None:
    path = await received(site, FULL)
    for key, status in ((site.api.two.key, 404), ("wrong", 401)):
        assert (await site.api.call("DELETE", path, key=key)).status_code == status
    assert await site.api.ok("DELETE", path) == {"message": "Message has been deleted"}
    for method, where in (("GET", path), ("GET", f"{path}/attachments/0"), ("DELETE", path)):
        gone = await site.api.call(method, where)
        assert gone.status_code == 404 and gone.json() == {"message": "Message not found"}
    assert (await site.api.call("POST", path, data={"to": "x@example.net"})).status_code == 404
    # Its bytes go when nothing can wait for them any more.
    context = site.api.context
    site.api.clock.advance(25 * 3600)
    assert await messages.expire(context.db, context.spool, site.api.clock.now()) == 1


async def test_deleting_a_sent_message_does_not_keep_it_from_being_sent(site: Site) -> None:
    site.sink.fail("eve", 450, "later", times=1)
    sent: Any = {"from": f"a@{DOMAIN}", "to": "eve@example.net", "subject": "x", "text": "y"}
    await site.api.ok("POST", "/v3/{d}/messages", data=sent)
    await site.until(len, "failed")
    path = await path_of(site)
    assert (await site.api.ok("GET", path))["body-plain"].strip() == "y"
    await site.api.ok("DELETE", path)
    site.api.clock.advance(3600)
    (message,) = await site.sink.wait(1)
    assert message.recipients == ["eve@example.net"]


async def test_the_domain_s_retention(site: Site) -> None:
    await site.api.ok("PUT", "/v3/domains/{d}", data={"message_ttl": str(2 * 86400)})
    path = await received(site, PLAIN)
    context = site.api.context
    site.api.clock.advance(2 * 86400 - 60)
    assert await messages.expire(context.db, context.spool, site.api.clock.now()) == 0
    assert json.dumps(await site.api.ok("GET", path))
    site.api.clock.advance(120)
    assert await messages.expire(context.db, context.spool, site.api.clock.now()) == 1
    assert (await site.api.call("GET", path)).json() == {"message": "Message not found"}
