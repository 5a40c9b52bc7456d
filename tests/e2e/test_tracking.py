"""Tracking from the bytes at a real server to the events: links followed as a receiver's programs would."""

import asyncio
import email
import email.policy
import re
from typing import Any

import aiohttp
import dkim

from postwright.testing.dns import FakeDns
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
HTML = (
    '<!DOCTYPE html><html><body><!--[if mso]><a href="https://mso.example/">x</a><![endif]-->'
    '<a class=b href="https://example.com/?a=1&amp;copy=2">shop</a> '
    '<a href="https://example.org/" disable-tracking=true>plain</a></body></html>'
)


async def fetch(
    http: aiohttp.ClientSession, url: str, method: str = "GET", agent: str = BROWSER, **more: Any
) -> tuple[int, Any, bytes]:
    headers = {"User-Agent": agent} | more.pop("headers", {})
    async with http.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
        return answer.status, answer.headers, await answer.read()


def parts(data: bytes) -> tuple[Any, str, str]:
    message = email.message_from_bytes(data, policy=email.policy.default)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    return message, plain.get_content() if plain else "", html.get_content() if html else ""


async def sent(api: Api, sink: Sink, **fields: Any) -> tuple[str, Any, str, str]:
    """Send, wait for it at the receiver: id, message, text, HTML."""
    before = len(sink.messages)
    message_id = await api.send(**fields)
    await api.wait_event("delivered", message_id)
    (arrived,) = sink.messages[before:]
    return message_id, *parts(arrived.data)


async def test_opens_and_clicks_become_events(api: Api, sink: Sink, http: aiohttp.ClientSession) -> None:
    fields = {"html": HTML, "text": "See https://example.com/text.", "o__tag": "news", "v__row": "7"}
    message_id, message, text, html = await sent(api, sink, o__tracking="yes", **fields)
    base = api.server.base_url
    assert message["X-Mailgun-Track"] == "yes"
    assert '<a href="https://mso.example/">' in html and '<a href="https://example.org/">' in html
    link = re.search(rf'<a class=b href="({base}/c/[\w-]+)">shop', html)[1]
    pixel = re.search(rf'<img width="1px" height="1px" alt="" src="({base}/o/[\w-]+)"></body>', html)[1]
    in_text = re.search(rf"See ({base}/c/[\w-]+)\.", text)[1]

    status, headers, body = await fetch(http, pixel)
    assert (status, headers["Content-Type"], body[:6]) == (200, "image/gif", b"GIF89a")
    assert "no-store" in headers["Cache-Control"]
    status, headers, _ = await fetch(http, link)
    # `&copy=` is no copyright sign: what a browser would have followed.
    assert (status, headers["Location"]) == (302, "https://example.com/?a=1&copy=2")
    assert "no-store" in headers["Cache-Control"] and headers["Referrer-Policy"] == "no-referrer"
    assert (await fetch(http, in_text))[1]["Location"] == "https://example.com/text"
    await fetch(http, pixel)  # the same opening

    opened = await api.wait_event("opened", message_id)
    assert (
        opened["client-info"]["client-name"] == "Chrome" and opened["client-info"]["client-os"] == "Windows"
    )
    assert (
        opened["client-info"]["client-type"] == "browser"
        and opened["client-info"]["device-type"] == "desktop"
    )
    assert opened["client-info"]["bot"] == "" and opened["ip"] == "127.0.0.1"
    assert opened["geolocation"] == dict.fromkeys(("city", "country", "region", "timezone"), "Unknown")
    assert opened["message"] == {"headers": {"message-id": message_id}} and opened["i-unique"] is True
    assert (
        opened["tags"] == ["news"] and opened["user-variables"] == {"row": "7"} and opened["campaigns"] == []
    )
    assert opened["recipient"] == "bob@example.net" and opened["recipient-provider"] == "Other"
    delivered = await api.wait_event("delivered", message_id)
    assert opened["delivered-at"] == int(delivered["timestamp"]) and opened["log-level"] == "info"

    async def both() -> list[dict[str, Any]] | None:
        found = await api.events(**{"message-id": message_id, "event": "clicked"})
        return found if len(found) == 2 else None

    first, second = await wait_for(both, "two clicks")
    assert first["url"] == "https://example.com/?a=1&copy=2" and first["i-unique"] is True
    assert second["url"] == "https://example.com/text" and "i-unique" not in second
    assert len(await api.events(**{"message-id": message_id, "event": "opened"})) == 1


async def test_the_domain_decides_unless_the_message_does(api: Api, sink: Sink) -> None:
    fields = {"html": HTML, "text": "See https://example.com/text."}
    _, _, text, html = await sent(api, sink, **fields)
    assert html.strip() == HTML and "https://example.com/text." in text  # nothing is on at first
    await api.call(
        "PUT", f"/v3/domains/{DOMAIN}/tracking/open", data={"active": "yes", "place_at_the_top": "yes"}
    )
    await api.call("PUT", f"/v3/domains/{DOMAIN}/tracking/click", data={"active": "htmlonly"})
    _, _, text, html = await sent(api, sink, **fields)
    assert "https://example.com/text." in text and "/c/" in html and "<body><img " in html
    _, _, _, html = await sent(api, sink, o__tracking="no", o__tracking_opens="yes", **fields)
    assert "/c/" not in html and "<body><img " in html
    _, _, _, html = await sent(api, sink, o__tracking="no", **fields)
    assert html.strip() == HTML


async def test_machines_are_told_apart(api: Api, sink: Sink, http: aiohttp.ClientSession) -> None:
    message_id, _, _, html = await sent(api, sink, o__tracking="yes", html=HTML, text="")
    pixel = re.search(r'src="([^"]+/o/[^"]+)"', html)[1]
    link = re.search(r'href="([^"]+/c/[^"]+)"', html)[1]
    gmail = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
    )
    proxy = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    for agent in ("Mozilla/5.0", gmail, proxy):
        assert (await fetch(http, pixel, agent=agent))[0] == 200
    status, headers, body = await fetch(http, link, "HEAD")
    assert (status, headers["Location"][:20], body) == (302, "https://example.com/", b"")

    async def bots() -> list[str] | None:
        opened = await api.events(**{"message-id": message_id, "event": "opened"})
        found = sorted(event["client-info"]["bot"] for event in opened)
        return found if len(found) == 3 else None

    assert await wait_for(bots, "three opens") == ["", "apple", "gmail"]
    clicked = await api.wait_event("clicked", message_id)
    assert clicked["client-info"]["bot"] == "generic" and clicked["i-unique"] is True


async def test_a_token_is_good_on_its_host_alone(api: Api, sink: Sink, http: aiohttp.ClientSession) -> None:
    message_id, _, _, html = await sent(api, sink, o__tracking="yes", html=HTML, text="")
    pixel = re.search(r'src="([^"]+/o/[^"]+)"', html)[1]
    link = re.search(r'href="([^"]+/c/[^"]+)"', html)[1]
    middle = len(link) // 2 + 20
    tampered = link[:middle] + ("A" if link[middle] != "A" else "B") + link[middle + 1 :]
    bad = [tampered, link[:-4], link + "A", pixel.replace("/o/", "/c/"), api.server.base_url + "/c/x"]
    for url in bad:
        status, headers, _ = await fetch(http, url)
        assert status == 404 and "Location" not in headers, url
    assert (await fetch(http, link, headers={"Host": "other.example.com"}))[0] == 404
    assert (await fetch(http, api.server.base_url + "/o/unknown"))[2][:6] == b"GIF89a"
    assert (await fetch(http, link, "POST"))[0] == 405
    assert (await fetch(http, link))[0] == 302
    await api.wait_event("clicked", message_id)
    assert len(await api.events(**{"message-id": message_id, "event": "clicked"})) == 1
    assert not await api.events(**{"message-id": message_id, "event": "opened"})


async def test_unsubscribing_with_one_click(api: Api, sink: Sink, http: aiohttp.ClientSession) -> None:
    await api.call("PUT", f"/v3/domains/{DOMAIN}/tracking/unsubscribe", data={"active": "yes"})
    message_id, message, text, html = await sent(api, sink, html=HTML, o__tag=["a", "b"])
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url, address = re.fullmatch(r"<(\S+/u/\S+)>,\s+<mailto:(u\+\S+)>", message["List-Unsubscribe"]).groups()
    assert address.endswith(f"@{DOMAIN}")
    signed = re.search(r"h=([^;]+);", message["DKIM-Signature"])[1].lower()
    assert "list-unsubscribe:" in re.sub(r"\s", "", signed) and "list-unsubscribe-post" in signed
    assert re.search(r"To unsubscribe click: <\S+/u/\S+>", text)
    assert re.search(r'<p><a href="\S+/u/\S+">unsubscribe</a></p>\s*</body>', html)
    status, headers, page = await fetch(http, url)
    assert status == 200 and b"<form" in page and b"bob@example.net" in page
    assert "script" not in page.decode() and "default-src 'none'" in headers["Content-Security-Policy"]
    assert (await api.get(f"/v3/{DOMAIN}/unsubscribes"))["items"] == []  # looking is not unsubscribing
    status, headers, _ = await fetch(http, url, "POST", data={"List-Unsubscribe": "One-Click"})
    assert status == 200 and "Set-Cookie" not in headers
    (entry,) = (await api.get(f"/v3/{DOMAIN}/unsubscribes"))["items"]
    assert (entry["address"], entry["tags"]) == ("bob@example.net", ["*"])
    event = await api.wait_event("unsubscribed", message_id)
    assert event["tags"] == ["*"] and event["ip"] == "127.0.0.1" and event["recipient"] == "bob@example.net"
    await fetch(http, url, "POST", data={"List-Unsubscribe": "One-Click"})
    await fetch(http, url, "POST", data={"action": "resubscribe"})
    assert (await api.get(f"/v3/{DOMAIN}/unsubscribes"))["items"] == []
    assert len(await api.events(**{"message-id": message_id, "event": "unsubscribed"})) == 1


async def test_unsubscribe_variables(api: Api, sink: Sink, http: aiohttp.ClientSession) -> None:
    message_id, message, text, html = await sent(
        api,
        sink,
        text="Leave: %tag_unsubscribe_url% or %unsubscribe_email%",
        html='<a href="%unsubscribe_url%">out</a>',
        o__tag=["News", "weekly"],
        **{"h:List-Unsubscribe": "<mailto:%unsubscribe_email%>, <%unsubscribe_url%>"},
    )
    by_tag = re.search(r"Leave: (\S+/u/\S+) or u\+\S+@", text)[1]
    assert re.match(r"<mailto:u\+\S+@\S+>,\s*<\S+/u/\S+>$", message["List-Unsubscribe"])
    assert message["List-Unsubscribe-Post"] is None and re.search(r'href="\S+/u/\S+"', html)
    await fetch(http, by_tag, "POST", data={"action": "unsubscribe"})
    (entry,) = (await api.get(f"/v3/{DOMAIN}/unsubscribes"))["items"]
    assert sorted(entry["tags"]) == ["News", "weekly"]
    assert sorted((await api.wait_event("unsubscribed", message_id))["tags"]) == ["News", "weekly"]
    refused = await api.wait_event("failed", await api.send(o__tag="news"))
    assert refused["reason"] == "suppress-unsubscribe"


async def test_an_answered_hit_survives_the_death_of_everything(
    api: Api, sink: Sink, http: aiohttp.ClientSession
) -> None:
    message_id, _, _, html = await sent(api, sink, o__tracking="yes", html=HTML, text="")
    link = re.search(r'href="([^"]+/c/[^"]+)"', html)[1]
    answers = await asyncio.gather(*(fetch(http, link) for _ in range(50)))
    await api.server.kill()
    assert {status for status, _, _ in answers} == {302}
    await api.server.start()

    async def all_told() -> bool:
        return len(await api.events(**{"message-id": message_id, "event": "clicked"})) >= 50

    await wait_for(all_told, "fifty clicks")
    await asyncio.sleep(0.5)
    clicked = await api.events(**{"message-id": message_id, "event": "clicked"})
    assert len(clicked) == 50 and sum("i-unique" in event for event in clicked) == 1


async def test_each_of_several_gets_its_own_signed_copy(api: Api, sink: Sink) -> None:
    await api.call("PUT", f"/v3/domains/{DOMAIN}/tracking/open", data={"active": "yes"})
    message_id = await api.send(to=["a@example.net", "b@example.net"], html=HTML + "\r\n.\r\n..\r\n")
    for who in ("a@example.net", "b@example.net"):
        await api.wait_event("delivered", message_id, recipient=who)
    one, two = sink.messages
    assert parts(one.data)[2] != parts(two.data)[2]
    shown = await api.get(f"/v4/domains/{DOMAIN}")
    (record,) = [r for r in shown["sending_dns_records"] if "_domainkey" in r.get("name", "")]
    for message in (one, two):
        assert dkim.verify(message.data, dnsfunc=lambda name, **_: record["value"].encode())


async def test_a_verified_host_of_the_domains_own(
    start_server: Any, settings: dict[str, str], fake_dns: FakeDns, http: aiohttp.ClientSession, sink: Sink
) -> None:
    own = settings | {"dns": fake_dns.address, "hostname": "post.example.org"}
    api = Api(await start_server(**own, tracking_url="http://fallback.example.org/"), http)
    fields = {"html": HTML, "text": "", "o__tracking": "yes"}
    _, _, _, html = await sent(api, sink, **fields)
    assert 'href="http://fallback.example.org/c/' in html
    fake_dns.set(f"email.{DOMAIN}", "CNAME", "post.example.org.")
    assert (await api.call("PUT", f"/v4/domains/{DOMAIN}", data={"web_scheme": "https"}))[0] == 200
    assert (await api.call("PUT", f"/v4/domains/{DOMAIN}/verify"))[0] == 200
    message_id, _, _, html = await sent(api, sink, **fields)
    path = re.search(rf'href="https://email\.{re.escape(DOMAIN)}(/c/[\w-]+)"', html)[1]
    assert (await fetch(http, api.server.base_url + path))[0] == 404
    for host in (f"email.{DOMAIN}", f"EMAIL.{DOMAIN}:443"):
        assert (await fetch(http, api.server.base_url + path, headers={"Host": host}))[0] == 302
    behind = {"Host": "127.0.0.1", "X-Forwarded-Host": f"email.{DOMAIN}"}
    assert (await fetch(http, api.server.base_url + path, headers=behind))[0] == 404  # from anybody
    await api.wait_event("clicked", message_id)


async def test_complete_messages(api: Api, sink: Sink, http: aiohttp.ClientSession) -> None:
    raw = (
        f"From: ann@{DOMAIN}\r\nTo: bob@example.net\r\nSubject: x\r\nX-Mailgun-Track: yes\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        '<p>gr=C3=BC=C3=9Fe <a href=3D"https://example.com/">x</a></p>\r\n'
    )
    status, body = await api.call(
        "POST",
        f"/v3/{DOMAIN}/messages.mime",
        data={"to": "bob@example.net", "message": raw},
    )
    assert status == 200, body
    message_id = body["id"].strip("<>")
    await api.wait_event("delivered", message_id)
    message, _, html = parts(sink.messages[-1].data)
    assert message["X-Mailgun-Track"] == "yes" and "<p>grüße <a href=" in html and "/o/" in html
    link = re.search(r'href="([^"]+/c/[^"]+)"', html)[1]
    assert (await fetch(http, link))[1]["Location"] == "https://example.com/"
    await api.wait_event("clicked", message_id)
