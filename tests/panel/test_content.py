"""Domains, suppressions, templates, routes, keys: what is done on their pages has its effect outside."""

import asyncio
import re
import smtplib
import ssl
from email import message_from_bytes, policy

from playwright.async_api import Page, expect

from postwright.testing.sink import Sink

from ..e2e.conftest import DOMAIN, wait_for
from .rig import PHONE, Panel, accessible, picture, settle


async def both(panel: Panel, page: Page, name: str) -> None:
    """The page is accessible at both widths and stays within the phone's; its pictures, when they are asked for."""
    await settle(page)
    await accessible(page)
    await picture(page, name)
    size = page.viewport_size
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    # A chart takes a moment to follow. Times out when the page is too wide for a phone.
    await page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    await accessible(page)
    await picture(page, f"{name}-phone")
    await page.set_viewport_size(size)  # type: ignore[arg-type]


async def arrived(sink: Sink, to: str) -> bytes:
    """The first message that the sink has for an address."""

    async def look() -> bytes | None:
        return next((each.data for each in sink.messages if to in each.recipients), None)

    return await wait_for(look, f"message to {to}")


async def test_a_domain_is_added_and_its_records_are_shown(live: Panel, outside: Sink) -> None:
    page = await live.open("/domains")
    await page.get_by_role("button", name="Add a domain").click()
    await page.get_by_label("Name", exact=True).fill("news.example.com")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("heading", name="news.example.com", level=1)).to_be_visible()
    sending = page.get_by_role("region", name="Records for sending").first
    await expect(sending.get_by_text("v=spf1").first).to_be_visible()
    await expect(sending.get_by_text(re.compile(r"_domainkey\.news\.example\.com")).first).to_be_visible()
    await expect(sending.get_by_role("button", name="Copy value").first).to_be_visible()
    await both(live, page, "domain")

    # A further DKIM key signs what the domain sends from then on.
    await page.get_by_role("tab", name="DKIM keys").click()
    await page.get_by_role("button", name="New key").click()
    await page.get_by_label("Selector").fill("panel1")
    await page.get_by_role("button", name="Make the key").click()
    row = page.get_by_role("row", name=re.compile("panel1"))
    await row.get_by_role("button", name="Activate").click()
    await expect(row.get_by_text("signs")).to_be_visible()
    await page.get_by_role("button", name="Send a test message").click()
    await page.get_by_label("To", exact=True).fill("first@example.net")
    await page.get_by_role("button", name="Send", exact=True).click()
    raw = await arrived(outside, "first@example.net")
    assert b"s=panel1" in raw and b"d=news.example.com" in raw
    await expect(page.get_by_role("link", name="What becomes of it")).to_be_visible()

    # A setting that is kept.
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_label("Require TLS").select_option("yes")
    card = page.get_by_role("region", name="Delivery and receiving")
    await card.get_by_role("button", name="Save").click()
    await expect(card.get_by_text("Saved.")).to_be_visible()
    assert (await live.api.get("/v4/domains/news.example.com"))["domain"]["require_tls"] is True
    await page.get_by_role("tab", name="Certificate").click()
    await expect(page.get_by_role("heading", name=re.compile("Certificate of"))).to_be_visible()

    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("button", name="Delete the domain").click()
    await expect(page.get_by_role("alert")).to_contain_text("to confirm")
    await page.get_by_label("The domain's name, to confirm").fill("news.example.com")
    await page.get_by_role("button", name="Delete the domain").click()
    await expect(page.get_by_role("heading", name="Domains", level=1)).to_be_visible()
    await expect(page.get_by_role("link", name=DOMAIN)).to_be_visible()
    await expect(page.get_by_role("link", name="news.example.com")).to_have_count(0)
    await live.finish(page, "domains")


async def test_who_is_taken_out_of_a_list_gets_mail_again(live: Panel, outside: Sink) -> None:
    to = "gone@example.net"
    await live.api.call(
        "POST", f"/v3/{DOMAIN}/bounces", data={"address": to, "code": "550", "error": "no such user"}
    )
    await live.api.call("POST", f"/v3/{DOMAIN}/unsubscribes", data={"address": "else@example.net"})
    blocked = await live.api.send(to=to, subject="While blocked")
    await live.api.wait_event("failed", blocked)
    page = await live.open(f"/suppressions?domain={DOMAIN}")
    await expect(page.get_by_text("else@example.net")).to_be_visible()
    await both(live, page, "suppressions")
    await page.get_by_label("Address begins with").fill("gone@")
    await expect(page.get_by_text("else@example.net")).to_have_count(0)
    assert "search=gone" in page.url
    row = page.get_by_role("row", name=re.compile(to))
    await expect(row.get_by_text("550 no such user")).to_be_visible()
    await row.get_by_role("button", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)
    await live.api.send(to=to, subject="After that")
    assert b"After that" in await arrived(outside, to)

    # A file in, a file out.
    await page.get_by_label("Address begins with").fill("")
    await page.get_by_role("button", name="Import").click()
    await page.get_by_label("Into the list").select_option("complaints")
    file = {"name": "c.csv", "mimeType": "text/csv", "buffer": b"address\nimported@example.net\n"}
    await page.get_by_label("CSV file").set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_role("dialog").get_by_role("button", name="Import").click()
    await expect(page.get_by_role("row", name=re.compile("imported@example.net"))).to_be_visible()
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Export").click()
    written = (await (await waiting.value).path()).read_text()
    assert "complaints,imported@example.net," in written and "unsubscribes,else@example.net," in written
    await live.finish(page)


async def test_a_template_is_edited_and_arrives_filled(live: Panel, outside: Sink) -> None:
    page = await live.open(f"/templates?domain={DOMAIN}")
    await page.get_by_role("button", name="New template").click()
    await page.get_by_label("Name", exact=True).fill("Greeting")
    await page.get_by_role("button", name="Make it").click()
    frame = page.frame_locator("iframe[title='The filled template']")
    await expect(frame.get_by_role("heading", name="Hello Ann!")).to_be_visible()
    await page.get_by_label("HTML with {{holes}}").fill(
        "<style>h1 { color: rgb(1, 2, 3) }</style><h1>Dear {{name}}</h1>"
        "<script>document.body.append('script ran')</script><img src=x onerror=\"document.body.append('script ran')\">"
    )
    await page.get_by_label("Subject").fill("For {{name}}")
    await page.get_by_label("Test data (JSON)").fill('{"name": "Bob & Co"}')
    title = frame.get_by_role("heading", name="Dear Bob & Co")
    await expect(title).to_be_visible()
    assert await title.evaluate("(e) => getComputedStyle(e).color") == "rgb(1, 2, 3)"
    await page.wait_for_timeout(200)
    assert "script ran" not in await frame.locator("html").inner_text()
    # What stands in the frame has no origin of ours, whatever it tries.
    assert await title.evaluate("() => self.origin") == "null"
    await page.get_by_role("button", name="Save as new version").click()
    await page.get_by_label("Tag").fill("v2")
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Version v2")).to_be_visible()
    changes = page.get_by_role("region", name="Changes", exact=True)
    await expect(changes.get_by_text("+ Subject: For {{name}}")).to_be_visible()
    await expect(changes.get_by_text("- Subject: Hello {{name}}")).to_be_visible()
    await page.get_by_role("button", name="Send a test").click()
    await page.get_by_label("To", exact=True).fill("reader@example.net")
    await page.get_by_role("dialog").get_by_role("button", name="Send").click()
    parsed = message_from_bytes(await arrived(outside, "reader@example.net"), policy=policy.default)
    assert parsed["subject"] == "For Bob & Co"
    body = parsed.get_body(("html",))
    assert body is not None and "<h1>Dear Bob &amp; Co</h1>" in body.get_content()
    await page.get_by_role("button", name="Make active").click()
    row = page.get_by_role("row", name=re.compile("^v2"))
    await expect(row.get_by_text("active", exact=True)).to_be_visible()
    await page.get_by_label("HTML with {{holes}}").fill("<h1>Dear {{#if name}}</h1>")
    await expect(page.get_by_role("alert")).to_contain_text("template could not be rendered")
    await page.get_by_label("HTML with {{holes}}").fill(
        "<h1>Dear {{name}}</h1>\n<p>Your order is on its way.</p>"
    )
    await expect(frame.get_by_text("Your order is on its way.")).to_be_visible()
    await both(live, page, "template")
    await page.get_by_role("link", name="All templates").click()
    await expect(page.get_by_role("link", name="greeting")).to_be_visible()
    # What the scripts above and the broken template bring about.
    expected = ("Content Security Policy", "400")
    live.problems = [each for each in live.problems if not any(part in each for part in expected)]
    await live.finish(page, "templates")


async def test_routes_are_tried_out(panel: Panel) -> None:
    page = await panel.open("/routes")
    await page.get_by_role("button", name="New route").click()
    await page.get_by_label("When", exact=True).fill('match_recipient("support-(.*)@mail.example.com")')
    await page.get_by_label("Then", exact=True).last.fill('forward("https://desk.example.org/\\1")\nstop()')
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name=re.compile("support-"))).to_be_visible()
    test = page.get_by_role("region", name="Try it out")
    await test.get_by_label("Recipient").fill("support-9@mail.example.com")
    await test.get_by_role("button", name="Try").click()
    await expect(test.get_by_text('forward("https://desk.example.org/9")')).to_be_visible()
    await test.get_by_label("Recipient").fill("other@mail.example.com")
    await test.get_by_label("Header fields").fill("Subject: Invoice 77")
    await test.get_by_label("A route that is not stored yet: when").fill(
        'match_header("subject", "invoice ([0-9]+)")'
    )
    await test.get_by_label("Then").fill('forward("inv\\1@example.org")')
    await test.get_by_role("button", name="Try").click()
    await expect(test.get_by_text('forward("inv77@example.org")')).to_be_visible()
    await expect(test.get_by_text("No stored route takes mail")).to_be_visible()
    await both(panel, page, "routes")
    await panel.finish(page)


async def test_keys_made_here_work_and_deleted_ones_do_not(live: Panel, outside: Sink) -> None:
    page = await live.open(f"/keys?domain={DOMAIN}")
    await page.get_by_role("button", name="New key").click()
    await page.get_by_label("What it is for").fill("the shop")
    await page.get_by_role("button", name="Make the key").click()
    secret = (await page.get_by_role("region", name="The new key").inner_text()).strip()
    fields = {"from": f"a@{DOMAIN}", "to": "bykey@example.net", "subject": "By key", "text": "x"}
    status, told = await live.api.call("POST", f"/v3/{DOMAIN}/messages", data=fields, key=secret)
    assert status == 200, told
    assert b"By key" in await arrived(outside, "bykey@example.net")
    await both(live, page, "keys")
    row = page.get_by_role("row", name=re.compile("the shop"))
    await row.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete the key").click()
    await expect(row).to_have_count(0)

    async def refused() -> bool:
        return (await live.api.call("POST", f"/v3/{DOMAIN}/messages", data=fields, key=secret))[0] == 401

    await wait_for(refused, "refusal of a deleted key")

    await page.get_by_role("tab", name="SMTP credentials").click()
    await page.get_by_role("button", name="New login").click()
    await page.get_by_label("Login", exact=True).fill("till")
    await page.get_by_label("Password").fill("a long password 1")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name=re.compile(f"till@{DOMAIN}"))).to_be_visible()
    await asyncio.to_thread(submit, live, f"till@{DOMAIN}", "a long password 1", "bysmtp@example.net")
    assert b"By SMTP" in await arrived(outside, "bysmtp@example.net")
    await live.finish(page)


def submit(live: Panel, login: str, password: str, to: str) -> None:
    """Send a message over SMTP."""
    with smtplib.SMTP(*live.server.smtp, timeout=20) as client:
        client.starttls(context=ssl._create_unverified_context())
        client.login(login, password)
        client.sendmail(login, [to], f"From: {login}\r\nTo: {to}\r\nSubject: By SMTP\r\n\r\nHi\r\n")
