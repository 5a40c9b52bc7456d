"""Webhooks, lists, people, audit log, alerts, addresses, system: what is done on their pages has its effect outside."""

import re

from playwright.async_api import expect

from postwright.testing.catcher import Answer, Catcher
from postwright.testing.sink import Sink

from ..e2e.conftest import DOMAIN, wait_for
from .rig import Panel
from .test_content import arrived, both


async def test_webhook_calls_are_looked_into_and_replayed(live: Panel, outside: Sink) -> None:
    async with Catcher(Answer(200, b"taken, but lost")) as catcher:
        page = await live.open(f"/webhooks?domain={DOMAIN}")
        card = page.get_by_role("region", name=f"Of the domain {DOMAIN}")
        await card.get_by_role("button", name="New webhook").click()
        await page.get_by_label("URL", exact=True).fill(catcher.url("/hook"))
        await page.get_by_label("Failed").uncheck()
        await page.get_by_role("button", name="Save").click()
        row = page.get_by_role("row").filter(has_text=catcher.url("/hook"))
        await expect(row.get_by_text("Delivered")).to_be_visible()
        await row.get_by_role("button", name="Test").click()
        await page.get_by_role("dialog").get_by_role("button", name="Send").click()
        await expect(page.get_by_text("The receiver answered 200")).to_be_visible()
        assert catcher.caught[0].json["event-data"]["event"] == "delivered"

        message = await live.api.send(to="hooked@example.net", subject="Hooked")

        def about() -> list[str]:
            return [
                each.json["signature"]["token"]
                for each in catcher.caught
                if each.json["event-data"]["message"]["headers"]["message-id"] == message
            ]

        async def told() -> bool:
            return len(about()) == 1

        await wait_for(told, "webhook call")
        await page.get_by_role("tab", name="Calls").click()
        await page.get_by_label("Event", exact=True).select_option("delivered")
        await page.get_by_role("button", name=re.compile("Show call")).first.click()
        await expect(page.get_by_role("region", name="Response")).to_contain_text("taken, but lost")
        await expect(page.get_by_role("region", name="Request")).to_contain_text(message)
        await page.get_by_role("button", name="Make it again").click()

        async def twice() -> bool:
            return len(about()) == 2

        await wait_for(twice, "second webhook call")
        await both(live, page, "webhooks")
        await page.get_by_role("button", name="Replay a time range").click()
        await page.get_by_role("button", name="How many are that?").click()
        await expect(page.get_by_text(re.compile(r"^\d+ calls?$"))).to_be_visible()
        await page.get_by_role("button", name="Replay", exact=True).click()
        await expect(page.get_by_text(re.compile("made again"))).to_be_visible()

        async def thrice() -> bool:
            return len(set(about())) == 3  # each signed afresh

        await wait_for(thrice, "replayed webhook call")

        await page.get_by_role("tab", name="Signatures").click()
        signature = catcher.caught[-1].json["signature"]
        for name in ("timestamp", "token", "signature"):
            await page.get_by_label(name, exact=True).fill(signature[name])
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_text("The signature holds.")).to_be_visible()
        await page.get_by_label("token", exact=True).fill("0" * 50)
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_text("was not made with")).to_be_visible()
        await page.get_by_role("tab", name="Webhooks").click()
        await row.get_by_role("button", name="Delete").click()
        await page.get_by_role("button", name="Delete the webhook").click()
        await expect(row).to_have_count(0)
        await live.finish(page)


async def test_members_of_a_list_get_what_is_sent_to_it(live: Panel, outside: Sink) -> None:
    page = await live.open("/lists")
    await page.get_by_role("button", name="New list").click()
    await page.get_by_label("Address", exact=True).fill(f"news@{DOMAIN}")
    await page.get_by_role("button", name="Make the list").click()
    await expect(page.get_by_role("heading", name=f"news@{DOMAIN}")).to_be_visible()
    await page.get_by_role("button", name="Add a member").click()
    await page.get_by_label("Member's address").fill("one@readers.example")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("row", name=re.compile("one@readers.example"))).to_be_visible()
    await page.get_by_role("button", name="Import members").click()
    await page.get_by_label("CSV").fill(
        "address,name\ntwo@readers.example,Two\nthree@readers.example,Three\n"
    )
    await page.get_by_role("button", name="Import", exact=True).click()
    three = page.get_by_role("row", name=re.compile("three@readers.example"))
    await three.get_by_role("button", name="Unsubscribe").click()
    await expect(three.get_by_text("unsubscribed")).to_be_visible()
    await live.api.send(to=f"news@{DOMAIN}", subject="To all members")
    assert b"To all members" in await arrived(outside, "one@readers.example")
    assert b"To all members" in await arrived(outside, "two@readers.example")
    assert not any("three@readers.example" in each.recipients for each in outside.messages)
    await both(live, page, "list")
    await page.get_by_role("link", name="All lists").click()
    await expect(page.get_by_role("link", name=f"news@{DOMAIN}")).to_be_visible()
    await live.finish(page, "lists")


async def test_people_and_the_audit_log(panel: Panel) -> None:
    page = await panel.open("/people")
    await page.get_by_role("button", name="Invite").click()
    await page.get_by_label("E-mail address").fill("new@mail.example.com")
    await page.get_by_label("Role").select_option("support")
    await page.get_by_role("button", name="Send the invitation").click()
    row = page.get_by_role("row", name=re.compile("new@mail.example.com"))
    await expect(row.get_by_text("Support")).to_be_visible()
    await both(panel, page, "people")
    # The invitation is a message that arrives.

    async def invited() -> bool:
        found = await panel.api.get("/postwright/v1/capture/messages")
        return "new@mail.example.com" in str(found)

    await wait_for(invited, "invitation")
    await row.get_by_role("button", name="Edit").click()
    await page.get_by_label("Role").select_option("developer")
    await page.get_by_role("button", name="Save").click()
    await expect(row.get_by_text("Developer")).to_be_visible()
    users = (await panel.api.get("/v5/users"))["users"]
    assert {each["email"]: each["role"] for each in users}["new@mail.example.com"] == "developer"
    await page.get_by_role("tab", name="Subaccounts").click()
    await page.get_by_role("button", name="New subaccount").click()
    await page.get_by_label("Name").fill("Acme shop")
    await page.get_by_role("button", name="Make it").click()
    shop = page.get_by_role("row", name=re.compile("Acme shop"))
    await shop.get_by_role("button", name="Disable").click()
    await page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    await expect(shop.get_by_role("button", name="Enable")).to_be_visible()
    found = (await panel.api.get("/v5/accounts/subaccounts"))["subaccounts"]
    assert [each["status"] for each in found if each["name"] == "Acme shop"] == ["disabled"]
    await panel.finish(page)

    page = await panel.open("/audit")
    await expect(page.get_by_role("row", name=re.compile("disable")).first).to_be_visible()
    await both(panel, page, "audit")
    actions = (await panel.api.get("/postwright/v1/audit"))["items"]
    action = next(each["action"] for each in actions if "disable" in each["action"])
    await page.get_by_label("Action", exact=True).fill(action)
    await expect(page.get_by_role("row")).to_have_count(2)  # its head, and the one
    await panel.finish(page)


async def test_alerts_are_set_up_and_tried(live: Panel) -> None:
    async with Catcher() as catcher:
        page = await live.open("/alerts")
        await page.get_by_role("button", name="New alert").click()
        await page.get_by_label("By", exact=True).select_option("webhook")
        await page.get_by_label("URL").fill(catcher.url("/alert"))
        await page.get_by_role("button", name="Save").click()
        row = page.get_by_role("row").filter(has_text=catcher.url("/alert"))
        await row.get_by_role("button", name="Test").click()
        await page.get_by_role("dialog").get_by_role("button", name="Send").click()

        async def called() -> bool:
            return bool(catcher.caught)

        await wait_for(called, "test alert")
        await page.get_by_role("button", name="New threshold").click()
        await page.get_by_label("Name").fill("bounces")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("row", name=re.compile("hard bounce rate > 0.05"))).to_be_visible()
        await both(live, page, "alerts")
        await live.finish(page)


async def test_addresses_pools_and_warm_up(panel: Panel) -> None:
    page = await panel.open("/ips")
    row = page.get_by_role("row", name=re.compile(r"127\.0\.0\.2"))
    await row.get_by_role("button", name="Warm up").click()
    await page.get_by_role("button", name="Begin").click()
    await row.get_by_role("link", name="is warmed up").click()
    await expect(page.get_by_role("heading", name="The curve of 127.0.0.2")).to_be_visible()
    await page.locator("canvas").wait_for()
    await both(panel, page, "ips")
    await page.get_by_role("tab", name="Pools", exact=True).click()
    await page.get_by_role("button", name="New pool").click()
    await page.get_by_label("Name").fill("newsletters")
    await page.get_by_label("127.0.0.3").check()
    await page.get_by_role("button", name="Save").click()
    pool = page.get_by_role("row", name=re.compile("newsletters"))
    await expect(pool.get_by_text("127.0.0.3")).to_be_visible()
    assert (await panel.api.get("/v3/ip_pools"))["ip_pools"][0]["ips"] == ["127.0.0.3"]
    await page.get_by_role("tab", name="Dynamic pools").click()
    await expect(page.get_by_role("heading", name="Moves")).to_be_visible()
    await panel.finish(page)


async def test_the_system(panel: Panel) -> None:
    page = await panel.open("/system")
    await expect(page.get_by_role("heading", name="Certificates")).to_be_visible()
    health = await panel.api.get("/postwright/health")
    await expect(page.get_by_role("region", name="Server").first).to_contain_text(health["version"])
    await page.get_by_role("button", name="Examine now").click()
    # It asks DNS and port 25, which may not be there.
    await expect(page.get_by_role("row", name=re.compile("disk"))).to_be_visible(timeout=90_000)
    await both(panel, page, "system")
    await panel.finish(page)
