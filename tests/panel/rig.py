"""The panel in a real browser, over a real server: what its tests share."""

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, BrowserContext, Page, expect

from postwright.testing.server import Server

from ..e2e.conftest import Api, wait_for

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
SCREENSHOTS = ROOT / "docs" / "screenshots"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
MAX_SCREENSHOT = 150_000  # bytes: they live in the repository
OWNER, PASSWORD = "owner@mail.example.com", "correct horse battery"
expect.set_options(timeout=15_000)  # a machine may have other work
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


class Panel:
    """A server, its API with an admin key, and a browser in which the owner is signed in."""

    def __init__(self, api: Api, browser: Browser, context: BrowserContext) -> None:
        self.api = api
        self.server = api.server
        self.browser = browser
        self.context = context
        self.problems: list[str] = []

    @property
    def url(self) -> str:
        """Where the panel is."""
        return f"{self.server.base_url}/panel"

    async def open(self, path: str = "/", context: BrowserContext | None = None) -> Page:
        """A page of the panel, once it is there. What its console complains about is kept in `problems`."""
        self.problems.clear()
        page = await (context or self.context).new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda told: self.problems.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        await page.goto(f"{self.url}{path}")
        await page.locator("h1").first.wait_for()
        return page

    async def stranger(self) -> BrowserContext:
        """A browser in which nobody is signed in."""
        return await self.browser.new_context(viewport=DESKTOP, locale="en-GB")

    async def finish(self, page: Page, name: str = "") -> None:
        """At the end of a test: the page is accessible, nothing complained; its picture, when they are asked for."""
        await accessible(page)
        if name:
            await picture(page, name)
        await page.close()
        told, self.problems = self.problems, []
        assert not told, told


async def accessible(page: Page) -> None:
    """Fail when axe has a serious finding."""
    await page.wait_for_timeout(250)  # what fades in has its colours only then
    await page.evaluate(AXE.read_text())
    found: Any = await page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    serious = [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert not serious, serious


async def picture(page: Page, name: str) -> None:
    """Write `docs/screenshots/NAME.png`, when POSTWRIGHT_SCREENSHOTS is set: tests leave the tree as it is."""
    if not os.environ.get("POSTWRIGHT_SCREENSHOTS"):
        return
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    await page.screenshot(path=path)
    assert path.stat().st_size <= MAX_SCREENSHOT, f"{name}.png is too large for the repository"


async def password_token(server: Server) -> str:
    """The token of the link to choose a password that the first start printed."""

    async def printed() -> re.Match[str] | None:
        return re.search(r"#token=(\S+)", server.log_tail())

    return (await wait_for(printed, "link to the panel"))[1]


async def sign_in(context: BrowserContext, server: Server) -> None:
    """Let a browser have a session of the owner, without a page."""
    answer = await context.request.post(
        f"{server.base_url}/postwright/v1/session", data={"email": OWNER, "password": PASSWORD}
    )
    assert answer.ok, await answer.text()


@asynccontextmanager
async def opened(server: Server, browser: Browser) -> AsyncIterator[Panel]:
    """The panel of a server that has just had its first start."""
    token = await password_token(server)
    async with aiohttp.ClientSession() as session:
        chosen = {"token": token, "password": PASSWORD}
        async with session.post(f"{server.base_url}/postwright/v1/session/link", json=chosen) as answer:
            assert answer.status == 200, await answer.text()
        context = await browser.new_context(viewport=DESKTOP, locale="en-GB")
        await sign_in(context, server)
        yield Panel(Api(server, session), browser, context)
        await context.close()


def build() -> None:
    """The built panel and axe, made by `make` when they are missing or older than their sources."""
    subprocess.run(["make", "--silent", "panel"], cwd=ROOT, check=True, timeout=600, stdin=subprocess.DEVNULL)
    if not AXE.exists():
        subprocess.run([ROOT / "tools" / "build_panel.sh", "packages"], check=True, timeout=600)


async def settle(page: Page) -> None:
    """Wait until nothing is loading."""
    for _ in range(200):
        if not await page.get_by_text("Loading…").count():
            return
        await asyncio.sleep(0.05)
