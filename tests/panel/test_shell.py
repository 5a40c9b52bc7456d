"""What surrounds every page: signing in, search, theme, phones, live updates, and how the files are served."""

import asyncio
import time

import aiohttp
import pyotp
from playwright.async_api import expect
from yarl import URL

from .rig import OWNER, PASSWORD, PHONE, Panel


async def test_files_are_served_under_a_strict_policy(panel: Panel) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{panel.url}/messages/of/any/depth") as answer:
            page = await answer.text()
            policy = dict(
                part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
            )
            tag = answer.headers["etag"]
            assert answer.status == 200 and answer.content_type == "text/html"
            assert answer.headers["cache-control"] == "no-cache"
        assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert "<script>" not in page and "<style" not in page
        async with session.get(panel.url, headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        script = page.split('src="')[1].split('"')[0]
        async with session.get(panel.server.base_url + script) as answer:
            body = await answer.read()
            assert answer.status == 200 and answer.content_type == "text/javascript"
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-encoding"] == "gzip"
            assert int(answer.headers["content-length"]) < 300_000 < len(body)
        for name in ("nothing.js", "..%2f..%2f__init__.py", "%2e%2e"):
            async with session.get(URL(f"{panel.url}/assets/{name}", encoded=True)) as answer:
                assert answer.status == 404


async def test_signing_in_and_out(panel: Panel) -> None:
    context = await panel.stranger()
    page = await panel.open("/", context)
    await page.get_by_label("E-mail address").fill(OWNER)
    await page.get_by_label("Password").fill("not the password")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Home")).to_be_visible()
    cookies = await context.cookies()
    assert [(each["httpOnly"], each["sameSite"]) for each in cookies] == [(True, "Strict")]
    # A second factor, set up over the API with this very session.
    token = await page.evaluate(
        "async () => (await (await fetch('/postwright/v1/session')).json()).csrf_token"
    )
    headers = {"X-CSRF-Token": token}
    base = f"{panel.server.base_url}/postwright/v1/session/totp"
    enrolled = await context.request.post(base, data={"password": PASSWORD}, headers=headers)
    factor = pyotp.TOTP((await enrolled.json())["secret"])
    verified = await context.request.post(f"{base}/verify", data={"code": factor.now()}, headers=headers)
    assert verified.ok
    recovery = (await verified.json())["recovery_codes"]
    await page.get_by_role("button", name=OWNER).click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await page.get_by_label("E-mail address").fill(OWNER)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Code").fill(recovery[0])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Home")).to_be_visible()
    token = await page.evaluate(
        "async () => (await (await fetch('/postwright/v1/session')).json()).csrf_token"
    )
    dropped = await context.request.delete(base, data={"password": PASSWORD}, headers={"X-CSRF-Token": token})
    assert dropped.ok
    panel.problems = [text for text in panel.problems if "401" not in text]  # the browser notes each refusal
    await panel.finish(page)
    await context.close()


async def test_search_theme_and_phone(panel: Panel) -> None:
    page = await panel.open()
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Search").fill("first ru")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="First run", level=1)).to_be_visible()
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.get_by_role("button", name=OWNER).click()
    await page.get_by_role("menuitem", name="Dark", exact=True).click()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await page.reload()
    await expect(page.get_by_role("navigation")).to_be_hidden()
    await page.get_by_role("button", name="Menu").click()
    await page.get_by_role("link", name="Home").click()
    await expect(page.get_by_role("heading", name="Home")).to_be_visible()
    await expect(page.get_by_role("navigation")).to_be_hidden()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.evaluate("localStorage.clear()")
    await panel.finish(page)


async def test_the_first_page_is_usable_within_a_second(panel: Panel) -> None:
    taken: list[float] = []
    while (
        len(taken) < 10 and min(taken, default=9) >= 1
    ):  # the best of some: other tests use the processors too
        page = await panel.context.new_page()
        begun = time.monotonic()
        await page.goto(panel.url)
        await page.get_by_role("heading", name="Home").wait_for()
        taken.append(time.monotonic() - begun)
        await page.close()
    assert min(taken) < 1, taken


async def test_the_stream_tells_what_happens_in_the_account_alone(panel: Panel) -> None:
    url = f"{panel.server.base_url}/postwright/v1/stream"
    auth = {"Authorization": aiohttp.encode_basic_auth("api", panel.server.api_key)}
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, headers=auth) as stream:
        assert stream.status == 200 and stream.content_type == "text/event-stream"
        assert (await stream.content.readline()) == b"retry: 1000\n"
        await asyncio.sleep(1.5)  # the first look says where the logs are
        await panel.api.send(to="stream@example.net")
        await panel.api.call("POST", "/v3/lists", data={"address": "stream@mail.example.com"})
        heard = b""
        while not (b'"delivered":1' in heard and b'"lists.create":1' in heard):
            heard += await stream.content.readline()
        assert b'"accepted":1' in heard
    async with aiohttp.ClientSession() as session, session.get(url) as refused:
        assert refused.status == 401


async def test_the_live_button(panel: Panel) -> None:
    page = await panel.open()
    button = page.get_by_role("button", name="Live")
    await expect(button).to_be_visible()
    await button.click()
    await expect(page.get_by_role("button", name="Paused")).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="Paused").click()
    await expect(page.get_by_role("button", name="Live")).to_be_visible()
    await panel.finish(page)


async def test_acting_for_a_subaccount(panel: Panel) -> None:
    made = (await panel.api.call("POST", "/v5/accounts/subaccounts", params={"name": "Daughter"}))[1]
    child = made["subaccount"]["id"]
    behalf = {"X-Mailgun-On-Behalf-Of": child}
    added = await panel.api.call("POST", "/v4/domains", data={"name": "daughter.example"}, headers=behalf)
    assert added[0] == 200, added[1]
    fields = {
        "from": "a@daughter.example",
        "to": "b@example.net",
        "subject": "Of hers",
        "html": "<p>Hers</p>",
    }
    sent = await panel.api.call("POST", "/v3/daughter.example/messages", data=fields, headers=behalf)
    assert sent[0] == 200, sent[1]
    page = await panel.open("/messages")
    await page.get_by_role("combobox", name="Account").select_option("Daughter")
    await expect(page.get_by_role("heading", name="Home")).to_be_visible()
    await page.get_by_role("link", name="Messages").click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="Of hers").click()
    await page.get_by_role("tab", name="Preview").click()
    await expect(page.frame_locator("iframe").get_by_text("Hers")).to_be_visible()
    await page.get_by_role("combobox", name="Account").select_option("Postwright")
    await expect(page.get_by_role("heading", name="Home")).to_be_visible()
    await page.get_by_role("link", name="Messages").click()
    await expect(page.get_by_role("link", name="Of hers")).to_have_count(0)
    await panel.finish(page)
