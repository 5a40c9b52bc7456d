"""Figures and logs of a running server: fresh, and the same after a kill."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from postwright.testing.sink import Sink
from tests.conftest import StartServer
from tests.e2e.conftest import DOMAIN, Api


async def start(start_server: StartServer, http: aiohttp.ClientSession, sink: Sink, **more: str) -> Api:
    server = await start_server(
        domain=DOMAIN, delivery=f"smarthost:127.0.0.1:{sink.port}", verify_domains="trust", **more
    )
    return Api(server, http)


async def figures(api: Api, *names: str, **more: Any) -> dict[str, Any]:
    status, body = await api.call("POST", "/v1/analytics/metrics", json={"metrics": names, **more})
    assert status == 200, body
    items = body["items"]
    return dict(items[0]["metrics"]) if items else dict.fromkeys(names, 0)


async def test_fresh(start_server: StartServer, http: aiohttp.ClientSession, sink: Sink) -> None:
    api = await start(start_server, http, sink)
    await figures(api, "sent_count")  # the engine is loaded with the first question
    sent = await api.send(o__tag=["one"])
    began = time.monotonic()
    assert (await figures(api, "accepted_outgoing_count"))["accepted_outgoing_count"] == 1
    accepted = time.monotonic() - began
    await api.wait_event("delivered", sent)
    began = time.monotonic()
    assert (await figures(api, "delivered_count", "delivered_rate")) == {
        "delivered_count": 1,
        "delivered_rate": "1.0000",
    }
    # Not by waiting: what is committed counts. Two seconds are promised; the machine may be busy.
    assert max(accepted, time.monotonic() - began) < 8
    status, body = await api.call(
        "POST",
        "/v1/analytics/logs",
        json={
            "filter": {"AND": [{"attribute": "tag", "comparator": "=", "values": [{"value": "one"}]}]},
            "pagination": {"sort": "timestamp:asc"},
        },
    )
    assert status == 200, body
    assert [item["event"] for item in body["items"]] == ["accepted", "delivered"]


@pytest.mark.parametrize("point", ["analytics.sealing", "analytics.sealed"])
async def test_killed_while_sealing(
    start_server: StartServer, http: aiohttp.ClientSession, sink: Sink, point: str
) -> None:
    """The process dies before or after the table's commit, and another one goes on: each event counts once."""
    api = await start(start_server, http, sink, analytics_seal_seconds="0.2", failpoints=f"{point}=kill@2")
    ids = []
    for n in range(4):
        ids.append(await api.send(subject=f"s{n}"))
        await asyncio.sleep(0.3)
    for each in ids:
        await api.wait_event("delivered", each, timeout=30)
    for _ in range(100):
        found = await figures(api, "accepted_outgoing_count", "delivered_count")
        if found == {"accepted_outgoing_count": 4, "delivered_count": 4}:
            break
        await asyncio.sleep(0.1)
    for _ in range(3):
        assert found == {"accepted_outgoing_count": 4, "delivered_count": 4}
        await asyncio.sleep(0.5)
        found = await figures(api, "accepted_outgoing_count", "delivered_count")
    table = api.server.folder / "data" / "analytics"
    assert list(table.rglob("*.parquet"))
