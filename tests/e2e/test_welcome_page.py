"""The link of the first start in a real browser: a password is chosen, and it signs in."""

import re

import aiohttp
from playwright.async_api import expect

from ..browser import browser
from ..conftest import StartServer
from .conftest import wait_for

PASSWORD = "correct horse battery"


async def test_the_first_link_sets_a_password(start_server: StartServer) -> None:
    server = await start_server(owner_email="owner@mail.example.com")

    async def printed() -> re.Match[str] | None:
        return re.search(r"Panel\s+(http\S+)", server.log_tail())

    url = (await wait_for(printed, "link to the panel"))[1]
    async with browser() as chromium:
        page = await chromium.new_page(locale="en")
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(url)
        await expect(page.get_by_role("status")).to_have_text("For owner@mail.example.com")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_label("The same again").fill("something else")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_have_text("The two are not the same.")
        await page.get_by_label("The same again").fill(PASSWORD)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_contain_text("Your password is set.")
        assert "token" not in page.url
        assert [text for text in problems if "favicon" not in text and "404" not in text] == []
        await page.goto("about:blank")
        await page.goto(url)
        await expect(page.get_by_role("status")).not_to_have_text("One moment…")
        await expect(page.get_by_role("button", name="Save")).to_be_hidden()  # the link works once
    form = {"email": "owner@mail.example.com", "password": PASSWORD}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{server.base_url}/postwright/v1/session", json=form) as answer,
    ):
        assert answer.status == 200, await answer.text()
