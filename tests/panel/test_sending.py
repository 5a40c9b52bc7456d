"""The queue with its levers, deliverability, analytics."""

import asyncio
import re

from playwright.async_api import expect

from postwright.testing.sink import Sink

from ..e2e.conftest import DOMAIN, wait_for
from .rig import Panel, picture


async def test_a_lever_is_pulled_after_a_look(live: Panel, outside: Sink) -> None:
    outside.fail("waits", 450, "4.2.1 Mailbox busy", at="RCPT", times=1)
    message_id = await live.api.send(to="waits@held.example", subject="Wait")
    await live.api.wait_event("failed", message_id)
    page = await live.open("/queue?recipient_domain=held.example")
    recipients = page.get_by_role("region", name="Recipients")
    await expect(recipients.get_by_role("cell", name="waits@held.example")).to_be_visible()
    await page.get_by_role("button", name="Pull a lever").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Recipient domain")).to_have_value("held.example")
    await dialog.get_by_label("Note for others").fill("their server is down")
    await dialog.get_by_role("button", name="Look first").click()
    await expect(dialog.get_by_role("status")).to_contain_text("1 recipient in the queue would be affected")
    await expect(dialog.get_by_role("status")).to_contain_text("waits@held.example")
    assert (await live.api.get("/postwright/v1/queue/rules"))["items"] == []  # a look changes nothing
    await dialog.get_by_role("button", name="Pause now").click()
    await expect(dialog.get_by_role("heading", name="Done")).to_be_visible()
    await dialog.get_by_role("button", name="Close").click()
    rules = page.get_by_role("region", name="Standing rules")
    await expect(rules).to_contain_text("their server is down")
    # What comes from now on is held too (every process knows within a second), and let go at the end.
    await asyncio.sleep(1.5)
    await live.api.send(to="next@held.example", subject="Held")

    async def held() -> bool:
        found = await live.api.get("/postwright/v1/queue/recipients", params={"state": "held"})
        return "next@held.example" in [each["recipient"] for each in found["items"]]

    await wait_for(held, "the held recipient")
    await picture(page, "queue")
    await rules.get_by_role("button", name="Resume").click()
    await page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    await expect(rules).to_be_hidden()

    async def arrived() -> bool:
        return any(each.recipients == ["next@held.example"] for each in outside.messages)

    await wait_for(arrived, "the message that was held")
    await page.get_by_role("button", name="Pull a lever").click()
    await page.get_by_role("dialog").get_by_label("Lever").select_option("cancel")
    await page.get_by_role("dialog").get_by_role("button", name="Look first").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel now").click()
    await expect(page.get_by_role("dialog").get_by_role("heading", name="Done")).to_be_visible()
    await live.api.wait_event("failed", message_id, severity="permanent")
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await live.finish(page)


async def test_a_lever_without_a_filter_is_refused(live: Panel) -> None:
    page = await live.open("/queue")
    await page.get_by_role("button", name="Pull a lever").click()
    await page.get_by_role("dialog").get_by_role("button", name="Look first").click()
    await expect(page.get_by_role("alert")).to_contain_text("Give at least one filter")
    live.problems = [text for text in live.problems if "400" not in text]
    await live.finish(page)


async def test_deliverability_by_provider(live: Panel, outside: Sink) -> None:
    outside.fail("full", 552, "5.2.2 Mailbox full", at="RCPT")
    outside.fail("slow", 421, "4.7.0 Try again later, too many messages", at="RCPT")
    listed = "5.7.1 Service unavailable; client host blocked using zen.spamhaus.org"
    outside.fail("listed", 554, listed, at="RCPT")
    await live.api.wait_event("failed", await live.api.send(to="listed@example.org"))
    for name, event in (("fine", "delivered"), ("full", "failed"), ("slow", "failed")):
        await live.api.wait_event(event, await live.api.send(to=f"{name}@gmail.com"))
    page = await live.open("/deliverability")
    row = page.get_by_role("region", name="Providers").get_by_role("row", name=re.compile("Gmail"))
    await expect(row).to_contain_text("50%")  # one of two that are decided
    reasons = page.get_by_role("tabpanel")
    await expect(reasons).to_contain_text("Mailbox full")
    for name in ("Throttles", "Blocklists", "DMARC reports", "TLS reports", "Encryption of ours", "Reasons"):
        await page.get_by_role("tab", name=name).click()
        await expect(page.get_by_text("Loading…")).to_have_count(0)
        await expect(page.get_by_role("alert")).to_have_count(0)
    await expect(reasons).to_contain_text("Mailbox full")
    await page.get_by_role("tab", name="Blocklists").click()
    await expect(reasons).to_contain_text("Spamhaus")
    await expect(reasons).not_to_contain_text("Mailbox full")
    await page.get_by_role("tab", name="Reasons").click()
    await expect(reasons).to_contain_text("Mailbox full")
    await picture(page, "deliverability")
    await row.get_by_role("link").nth(2).click()
    await expect(page).to_have_url(re.compile("status=failed"))
    await expect(page.get_by_role("cell", name="full@gmail.com").first).to_be_visible()
    await expect(page.get_by_role("cell", name="fine@gmail.com")).to_have_count(0)
    await live.finish(page)


async def test_any_figure_by_anything(live: Panel) -> None:
    for tag, count in (("one", 1), ("two", 2)):
        for _ in range(count):
            sent = await live.api.send(to="count@example.net", o__tag=tag)
            await live.api.wait_event("delivered", sent)
    page = await live.open(f"/analytics?metric=delivered_count&by=tag&compare=yes&domain={DOMAIN}")
    await expect(page.locator("canvas")).to_be_visible()
    for tag, count in (("one", 1), ("two", 2)):
        row = page.get_by_role("row", name=re.compile(f"^{tag} "))
        await expect(row.get_by_role("cell").nth(1)).to_have_text(str(count))
        await expect(row.get_by_role("cell").nth(3)).to_have_text("new")
    await page.get_by_role("button", name="Show as table").click()
    await expect(page.get_by_role("group", name=re.compile("Delivered, table"))).to_contain_text("two")
    await page.get_by_role("button", name="Show as chart").click()
    await page.get_by_label("By", exact=True).select_option("time")
    await expect(page.get_by_role("img", name=re.compile("Delivered"))).to_be_visible()
    await expect(page.locator("canvas")).to_be_visible()
    await picture(page, "analytics")
    await page.get_by_label("Figure", exact=True).select_option("delivered_rate")
    await expect(page.get_by_role("heading", name=re.compile(r"Delivery rate: \d+"))).to_be_visible()
    await live.finish(page)
