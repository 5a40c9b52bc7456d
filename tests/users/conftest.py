"""The API with a first user who has chosen a password, and a browser's way to talk to it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from postwright import users
from postwright.kernel.db import Db
from tests.world import World, world

PASSWORD = "correct horse battery"
SESSION = "/postwright/v1/session"


class Browser:
    """Keeps the cookie of the session and sends its CSRF token, as the panel does."""

    def __init__(self, api: World) -> None:
        self.api = api
        self.cookie = ""
        self.csrf = ""

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request of a page of ours."""
        headers = {"sec-fetch-site": "same-origin", "sec-fetch-dest": "empty"} | more.pop("headers", {})
        if self.cookie:
            headers.setdefault("cookie", f"postwright_session={self.cookie}")
        if self.csrf:
            headers.setdefault("x-csrf-token", self.csrf)
        answer = await self.api.client.request(method, path, headers=headers, **more)
        self.api.client.cookies.clear()  # kept here, as the test wants it
        for cookie in answer.headers.get_list("set-cookie"):
            self.cookie = cookie.partition(";")[0].partition("=")[2]
        if answer.status_code == 200 and isinstance(answer.json(), dict) and answer.json().get("csrf_token"):
            self.csrf = answer.json()["csrf_token"]
        return answer

    async def sign_in(self, email: str, password: str = PASSWORD, code: str = "") -> httpx.Response:
        """Sign in."""
        return await self.call("POST", SESSION, json={"email": email, "password": password, "code": code})


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """Two accounts."""
    async with world(db, tmp_path) as made:
        yield made


def invitation(api: World, account_id: str, email: str, role: str = "admin", *, master: bool = False) -> str:
    """The token of a new user's invitation."""
    now = api.clock.now()
    user = api.db.write_now(users.create, now, account_id, email, role=role, master=master)
    return api.db.write_now(users.link, now, user, users.Purpose.INVITATION)


@pytest.fixture
async def owner(api: World) -> Browser:
    """The owner of the first account, signed in."""
    browser = Browser(api)
    token = invitation(api, api.one.account_id, "owner@example.com", master=True)
    answer = await browser.call("POST", SESSION + "/link", json={"token": token, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return browser
