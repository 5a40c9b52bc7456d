"""First run, messages and what can be done with one."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from postwright.testing.catcher import Catcher
from postwright.testing.sink import Sink

from ..e2e.conftest import DOMAIN, wait_for
from .rig import PHONE, Panel, picture


async def test_first_run_to_the_first_delivered_event(panel: Panel) -> None:
    page = await panel.open("/first-run")
    await page.get_by_label("To", exact=True).fill("first@example.net")
    await page.get_by_role("button", name="Send", exact=True).click()
    happened = page.get_by_role("region", name="3. See what happened")
    await expect(happened.get_by_text("delivered")).to_be_visible()
    await page.get_by_role("link", name="Open it in the inbox").click()
    await expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    caught = await panel.api.get("/postwright/v1/capture/messages", params={"recipient": "first@example.net"})
    assert caught["total_count"] == 1
    await page.go_back()
    shown = await page.get_by_role("region", name="Send with curl").inner_text()
    env = {"PATH": os.environ["PATH"], "POSTWRIGHT_API_KEY": panel.server.api_key}
    shell = await asyncio.create_subprocess_exec("sh", "-c", shown, env=env, stdout=PIPE, stderr=PIPE)
    said, wrong = await asyncio.wait_for(shell.communicate(), 30)
    assert b"Queued. Thank you." in said, wrong
    await panel.finish(page, "first-run")


async def test_home_counts_what_was_sent(panel: Panel) -> None:
    message_id = await panel.api.send(to="home@example.net")
    await panel.api.wait_event("delivered", message_id)
    page = await panel.open("/")
    figure = page.get_by_role("link", name=re.compile("^Delivered"))
    await expect(figure).to_be_visible()
    before = int((await figure.inner_text()).split()[-1])
    await panel.api.wait_event("delivered", await panel.api.send(to="home@example.net"))
    await expect(figure).to_contain_text(str(before + 1))  # the stream said so: nobody pressed anything
    await expect(page.locator("canvas")).to_be_visible()
    await figure.click()
    await expect(page).to_have_url(re.compile("status=delivered"))
    await expect(page.get_by_role("cell", name="home@example.net").first).to_be_visible()
    await page.go_back()
    await expect(page.locator("canvas")).to_be_visible()
    await panel.finish(page, "home")


async def test_messages_are_found(panel: Panel) -> None:
    for name, tag in (("seek", "red"), ("hide", "blue")):
        sent = await panel.api.send(to=f"{name}@example.net", subject=f"Please {name}", o__tag=tag)
        await panel.api.wait_event("delivered", sent)
    page = await panel.open("/messages?recipient=seek")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("delivered")
    await page.get_by_label("Recipient").fill("")
    await page.get_by_label("Tag").fill("blue")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Please hide")
    assert "tag=blue" in page.url and "recipient" not in page.url
    await page.get_by_label("Status").select_option("failed")
    await expect(page.get_by_text("No message fits.")).to_be_visible()
    await page.get_by_role("button", name="Clear").click()
    await page.get_by_label("Message-Id").fill(f"<{sent}>")
    await expect(rows).to_have_count(1)
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="CSV").click()
    lines = (await (await saved.value).path()).read_text().splitlines()
    assert lines[0] == "When,Recipient,Subject,Status,Tags,From,Message-Id"
    assert lines[1].endswith(sent) and "hide@example.net" in lines[1]
    await page.get_by_role("button", name="Clear").click()
    await expect(rows.first).to_be_visible()
    await panel.finish(page, "messages")


@pytest_asyncio.fixture(loop_scope="session")
async def sent(live: Panel, outside: Sink) -> str:
    """A message that a server defers."""
    outside.fail("later", 451, "4.7.1 Greylisted, come back later", at="RCPT", times=1)
    html = '<style>p{color:rgb(1,2,3)}</style><p>Hello</p><script>document.title="run"</script>'
    message_id = await live.api.send(to="later@example.net", subject="Wait for it", html=html)
    await live.api.wait_event("failed", message_id)
    return message_id


async def test_a_message_in_every_light(live: Panel, outside: Sink, sent: str) -> None:
    page = await live.open(f"/messages/{DOMAIN}/{sent}")
    await expect(page.get_by_role("heading", name="Wait for it")).to_be_visible()
    where = page.get_by_role("region", name="Where it is, and why")
    await expect(where).to_contain_text("Greylisted")
    await expect(page.get_by_role("region", name="Timeline")).to_contain_text("deferred")
    await page.get_by_role("tab", name="Attempts").click()
    await expect(page.get_by_text("RCPT TO:<later@example.net>")).to_be_visible()
    await expect(page.get_by_text("451 4.7.1 Greylisted").last).to_be_visible()
    await page.get_by_role("tab", name="Preview").click()
    frame = page.frame_locator("iframe")
    await expect(frame.get_by_text("Hello")).to_have_css("color", "rgb(1, 2, 3)")
    assert await page.title() == "Wait for it · Postwright"
    handle = await page.locator("iframe").element_handle()
    inside = await handle.content_frame() if handle else None
    assert inside is not None and await inside.title() == ""
    await page.get_by_role("button", name="Phone").click()
    box = await page.locator("iframe").bounding_box()
    assert box is not None and box["width"] == pytest.approx(375, abs=3)
    await page.get_by_role("tab", name="Source").click()
    await expect(page.get_by_role("region", name="HTML")).to_contain_text('document.title="run"')
    await page.get_by_role("tab", name="Headers").click()
    await expect(page.get_by_role("cell", name=f"<{sent}>")).to_be_visible()
    await page.get_by_role("tab", name="Raw").click()
    await expect(page.get_by_role("region", name="Raw message")).to_contain_text("Mime-Version: 1.0")
    # Tried now, and taken this time.
    await page.get_by_role("tab", name="Timeline").click()
    await page.get_by_role("button", name="Try now").click()
    await expect(page.get_by_role("region", name="Timeline")).to_contain_text("delivered")
    assert [each.recipients for each in outside.messages if b"Wait for it" in each.data] == [
        ["later@example.net"]
    ]
    await expect(page.get_by_role("button", name="Try now")).to_be_hidden()
    await page.get_by_role("button", name="Send again").click()
    await page.get_by_label("To", exact=True).fill("again@example.net")
    await page.get_by_role("button", name="Send", exact=True).click()

    async def resent() -> bool:
        return any(each.recipients == ["again@example.net"] for each in outside.messages)

    await wait_for(resent, "the message sent again")
    live.problems = [text for text in live.problems if "Blocked script execution" not in text]
    await live.finish(page, "message")


async def test_cancelling_and_webhooks(live: Panel, outside: Sink) -> None:
    async with Catcher() as catcher:
        await _cancelled_and_told(live, outside, catcher)


async def _cancelled_and_told(live: Panel, outside: Sink, catcher: Catcher) -> None:
    hook = {"id": "permanent_fail", "url": catcher.url("/hook")}
    assert (await live.api.call("POST", f"/v3/domains/{DOMAIN}/webhooks", data=hook))[0] == 200
    outside.fail("never", 451, "4.7.1 Not today", at="RCPT")
    message_id = await live.api.send(to="never@example.net", subject="Take it back")
    await live.api.wait_event("failed", message_id, severity="temporary")
    page = await live.open(f"/messages/{DOMAIN}/{message_id}")
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("button", name="Cancel it for good").click()
    await expect(page.get_by_role("region", name="Timeline")).to_contain_text("Cancelled by an operator")
    await page.get_by_role("tab", name="Webhooks").click()
    row = page.get_by_role("row", name=re.compile("permanent_fail"))
    await expect(row).to_contain_text("done")
    await expect(row).to_contain_text("200")
    assert [each.json["event-data"]["recipient"] for each in catcher.caught] == ["never@example.net"]
    assert (await live.api.call("DELETE", f"/v3/domains/{DOMAIN}/webhooks/permanent_fail"))[0] == 200
    await live.finish(page)


async def test_the_capture_inbox(panel: Panel) -> None:
    await panel.api.wait_event("delivered", await panel.api.send(to="caught@example.net", subject="Catch me"))
    page = await panel.open("/inbox?term=caught@example.net")
    await page.get_by_role("link", name="Catch me").click()
    await expect(page.frame_locator("iframe").get_by_text("Hello.")).to_be_visible()
    await picture(page, "captured")
    await page.get_by_role("tab", name="Raw").click()
    await expect(page.get_by_role("region", name="Raw message")).to_contain_text("DKIM-Signature")
    await _on_a_phone(page)
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("heading", name="Capture inbox")).to_be_visible()
    await page.goto(f"{panel.url}/inbox?term=caught@example.net")
    await expect(page.get_by_text("No captured message fits.")).to_be_visible()
    await panel.api.wait_event("delivered", await panel.api.send(to="b@example.net", subject="Another"))
    await page.goto(f"{panel.url}/inbox")
    await expect(page.get_by_role("link", name="Another").first).to_be_visible()
    await panel.finish(page, "inbox")


async def _on_a_phone(page: Page) -> None:
    before = page.viewport_size
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.set_viewport_size(before)  # type: ignore[arg-type]
