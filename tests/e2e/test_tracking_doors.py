"""Tracking beside the API: submission by SMTP, hits through a proxy, and the official client."""

import asyncio
import re
import smtplib
import ssl
from typing import Any

import aiohttp
from mailgun.client import Client

from postwright.testing.dns import FakeDns
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for
from .test_tracking import HTML, fetch, parts, sent

RAW = (
    "From: ann@{domain}\r\nTo: bob@example.net\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n{more}"
    "Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
)


def submit(server: Any, login: tuple[str, str], more: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # its own certificate
    with smtplib.SMTP(*server.smtp, timeout=20) as client:
        client.starttls(context=context)
        client.login(*login)
        client.sendmail(f"ann@{DOMAIN}", ["bob@example.net"], RAW.format(domain=DOMAIN, more=more, html=HTML))


async def test_submission(api: Api, sink: Sink, http: aiohttp.ClientSession) -> None:
    login = (f"ann@{DOMAIN}", "a-good-secret")
    status, _ = await api.call(
        "POST",
        f"/v3/domains/{DOMAIN}/credentials",
        data={"login": login[0], "password": login[1]},
    )
    assert status == 200
    fields = "X-Mailgun-Track: yes\r\nX-Mailgun-Track-Opens: no\r\nX-Mailgun-Tag: smtp\r\n"
    await asyncio.to_thread(submit, api.server, login, fields)
    await asyncio.to_thread(submit, api.server, login, "")

    async def both() -> bool:
        return len(sink.messages) == 2

    await wait_for(both, "two messages at the receiver")
    found = {("/c/" in message.data.decode()): message for message in sink.messages}
    message, _, html = parts(found[True].data)
    assert "/o/" not in html
    assert '<a href="https://example.org/">plain</a>' in html and "<!--[if mso]>" in html
    link = re.search(rf'href="({api.server.base_url}/c/[\w-]+)"', html)[1]
    status, headers, _ = await fetch(http, link)
    assert (status, headers["Location"]) == (302, "https://example.com/?a=1&copy=2")
    clicked = await api.wait_event("clicked", message["Message-Id"].strip("<>"))
    assert clicked["tags"] == ["smtp"] and clicked["recipient"] == "bob@example.net"
    assert HTML in parts(found[False].data)[2]  # nothing asked for, nothing done


async def test_the_address_of_a_hit_behind_a_proxy(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink
) -> None:
    """X-Forwarded-For counts from a proxy that the settings name, and then only what proxies have added."""
    for trusted, said, ip in (
        ("", "203.0.113.9", "127.0.0.1"),
        ("10.0.0.0/8", "203.0.113.9", "127.0.0.1"),
        ("127.0.0.0/8, 10.0.0.0/8", "203.0.113.9", "203.0.113.9"),
        # What the client wrote itself is on the left; behind the last stranger are our own proxies.
        ("127.0.0.0/8, 10.0.0.0/8", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
    ):
        server = await start_server(**settings, trusted_proxies=trusted)
        api = Api(server, http)
        message_id, _, _, html = await sent(api, sink, html=HTML, text="", o__tracking="yes")
        link = re.search(r'href="([^"]+/c/[^"]+)"', html)[1]
        assert (await fetch(http, link, headers={"X-Forwarded-For": said}))[0] == 302
        assert (await api.wait_event("clicked", message_id))["ip"] == ip, trusted
        await server.kill()


async def test_the_official_client(
    start_server: Any, settings: dict[str, str], fake_dns: FakeDns, http: aiohttp.ClientSession
) -> None:
    directory = {"acme_directory": "https://127.0.0.1:1/dir"}  # nobody there
    own = settings | directory | {"dns": fake_dns.address, "hostname": "post.example.org"}
    server = await start_server(**own)
    client = Client(auth=("api", server.api_key), api_url=server.base_url)

    def tracking() -> None:
        shown = client.domains_tracking.get(domain=DOMAIN).json()["tracking"]
        assert shown["web_scheme"] == "http" and shown["open"]["active"] is False
        for kind, data in (
            ("open", {"active": "yes", "place_at_the_top": "yes"}),
            ("click", {"active": "htmlonly"}),
            ("unsubscribe", {"active": "true", "html_footer": "<p>%unsubscribe_url%</p>"}),
        ):
            answer = getattr(client, f"domains_tracking_{kind}").put(domain=DOMAIN, data=data)
            assert answer.status_code == 200
            body = answer.json()
            assert body["message"] == "Domain tracking settings have been updated" and body[kind]["active"]
        shown = client.domains_tracking.get(domain=DOMAIN).json()["tracking"]
        assert shown["click"] == {"active": "htmlonly"} and shown["open"]["place_at_the_top"] is True
        assert shown["unsubscribe"]["html_footer"] == "<p>%unsubscribe_url%</p>"

    def order() -> dict[str, Any]:
        host = f"email.{DOMAIN}"
        made = client.x509.create(domain=host)
        assert made.status_code == 202, made.text
        assert made.json()["location"] == f"/v2/x509/{host}/status"
        return client.x509_status.get(domain=host).json()

    await asyncio.to_thread(tracking)
    fake_dns.set(f"email.{DOMAIN}", "CNAME", "post.example.org.")
    assert (await asyncio.to_thread(order))["status"] in ("processing", "error")
