"""What the end-to-end tests share: an HTTP client and patience."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from postwright.testing.server import Server
from postwright.testing.sink import Sink

DOMAIN = "mail.example.com"


class Api:
    """One server's API, with its admin key."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> tuple[int, Any]:
        """Status and body (JSON when it is)."""
        url = path if path.startswith("http") else self.server.base_url + path
        basic = base64.b64encode(f"api:{self.server.api_key if key is None else key}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"} | more.pop("headers", {})
        async with self._session.request(method, url, headers=headers, **more) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, (await answer.json() if is_json else await answer.read())

    async def get(self, path: str, **more: Any) -> Any:
        status, body = await self.call("GET", path, **more)
        assert status == 200, body
        return body

    async def send(self, domain: str = DOMAIN, **fields: Any) -> str:
        """Send a message; its id without brackets."""
        given = {
            "from": f"Ann <ann@{domain}>",
            "to": "bob@example.net",
            "subject": "Hi",
            "text": "Hello.",
        } | {name.replace("__", ":").replace("_", "-"): value for name, value in fields.items()}
        pairs = [(k, v) for k, each in given.items() for v in (each if isinstance(each, list) else [each])]
        status, body = await self.call("POST", f"/v3/{domain}/messages", data=pairs)
        assert status == 200, body
        assert body["message"] == "Queued. Thank you."
        return body["id"].strip("<>")

    async def events(self, domain: str = DOMAIN, **filters: str) -> list[dict[str, Any]]:
        body = await self.get(f"/v3/{domain}/events", params={"ascending": "yes", "limit": "300", **filters})
        return body["items"]

    async def wait_event(
        self, name: str, message_id: str, timeout: float = 15.0, **match: Any
    ) -> dict[str, Any]:
        """The first event `name` of a message, once it is there."""

        async def look() -> dict[str, Any] | None:
            for event in await self.events(**{"message-id": message_id, "event": name}):
                if all(event.get(k.replace("_", "-")) == v for k, v in match.items()):
                    return event
            return None

        return await wait_for(look, f"event {name} of {message_id}", timeout)


async def wait_for(look: Callable[[], Awaitable[Any]], what: str, timeout: float = 15.0) -> Any:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise TimeoutError(f"no {what} within {timeout} s")


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as server:
        yield server


@pytest.fixture
def settings(sink: Sink) -> dict[str, str]:
    """A server that sends everything to the sink, retries at once and may call us."""
    return {
        "domain": DOMAIN,
        "delivery": f"smarthost:127.0.0.1:{sink.port}",
        "allow_private_targets": "yes",
        "verify_domains": "trust",
        "rate_limits": "off",
        "retry_schedule": "1,1,1",
        "webhook_retry_schedule": "1,1",
    }


@pytest.fixture
async def api(start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession) -> Api:
    return Api(await start_server(**settings), http)
