"""The official Python client against a real server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from mailgun.client import Client

from postwright.testing.sink import Sink
from tests.conftest import StartServer
from tests.e2e.conftest import DOMAIN, Api


@pytest.fixture
async def api(start_server: StartServer, sink: Sink) -> AsyncIterator[Api]:
    server = await start_server(
        domain=DOMAIN, delivery=f"smarthost:127.0.0.1:{sink.port}", verify_domains="trust", rate_limits="off"
    )
    async with aiohttp.ClientSession() as http:
        yield Api(server, http)


async def test_events_get(api: Api) -> None:
    ids = [await api.send(subject=f"Number {n}", o__tag=["sdk", f"n{n}"]) for n in range(5)]
    for each in ids:
        await api.wait_event("delivered", each)
    client = Client(auth=("api", api.server.api_key), api_url=api.server.base_url)

    async def get(**filters: Any) -> Any:
        answer = await asyncio.to_thread(client.events.get, domain=DOMAIN, filters=filters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    found = await get(event="delivered", ascending="yes", limit=2)
    assert [item["event"] for item in found["items"]] == ["delivered"] * 2
    seen = []
    while found["items"]:
        seen += [item["message"]["headers"]["message-id"] for item in found["items"]]
        assert set(found["paging"]) == {"first", "next", "previous", "last"}
        # As its `stream` does: nothing but the query of the link.
        found = await get(page=found["paging"]["next"].partition("?page=")[2])
    assert sorted(seen) == sorted(ids)
    both = await get(**{"message-id": ids[3], "event": "accepted OR delivered", "ascending": "no"})
    assert [item["event"] for item in both["items"]] == ["delivered", "accepted"]
    assert both["items"][0]["tags"] == ["sdk", "n3"]
    tagged = await get(tags="n1", event="accepted")
    assert [item["message"]["headers"]["subject"] for item in tagged["items"]] == ["Number 1"]
    refused = await asyncio.to_thread(client.events.get, domain=DOMAIN, filters={"event": "("})
    assert refused.status_code == 400 and refused.json()["message"].startswith("Invalid value for 'event'")
    nobody = await asyncio.to_thread(client.events.get, domain="nobody.test")
    assert (nobody.status_code, nobody.json()["message"]) == (404, "Domain not found")
