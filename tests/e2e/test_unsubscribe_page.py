"""The unsubscribe page in a real browser, by keyboard alone, as somebody comes from a message."""

import re

from playwright.async_api import expect

from postwright.testing.sink import Sink

from ..browser import browser
from .conftest import DOMAIN, Api


async def test_leaving_and_coming_back(api: Api, sink: Sink) -> None:
    page_html = '<p>Hello</p><p><a href="%unsubscribe_url%">unsubscribe</a></p>'
    message_id = await api.send(html=page_html, to='"<b>Bob</b>" <bob@example.net>')
    await api.wait_event("delivered", message_id)
    url = re.search(rb'href="?(http://[^"\s>]+/u/[\w-]+)', sink.messages[0].data.replace(b"=\r\n", b""))[
        1
    ].decode()

    async def listed() -> list[str]:
        return [each["address"] for each in (await api.get(f"/v3/{DOMAIN}/unsubscribes"))["items"]]

    async with browser() as chromium:
        page = await chromium.new_page(locale="en")
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(url)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribe")
        await expect(page.get_by_role("main")).to_contain_text(
            f"Stop sending mail from {DOMAIN} to bob@example.net?"
        )
        assert await page.evaluate("document.documentElement.lang") == "en"
        assert await page.context.cookies() == [] and await listed() == []
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Unsubscribe")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
        await expect(page.get_by_role("status")).to_contain_text("bob@example.net")
        assert await listed() == ["bob@example.net"]
        event = await api.wait_event("unsubscribed", message_id)
        assert (
            "Chrom" in event["client-info"]["client-name"]
            and event["client-info"]["client-type"] == "browser"
        )
        await page.get_by_role("button", name="Subscribe again").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed again")
        assert await listed() == [] and await page.context.cookies() == []
        await page.goto(url[:-3])
        await expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work")
        assert [text for text in problems if "404" not in text and "favicon" not in text] == []
    await api.wait_event("delivered", await api.send())
