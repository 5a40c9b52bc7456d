"""A server that delivers to a sink, for clients that others wrote."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import aiohttp
import pytest

from postwright.testing.sink import Sink
from tests.conftest import StartServer
from tests.e2e.conftest import DOMAIN, Api

T = TypeVar("T")
IPS = [f"127.0.0.{n}" for n in range(21, 26)]
SHARED_IP, FREE_IP = "127.0.0.31", "127.0.0.32"


@pytest.fixture
async def api(start_server: StartServer, sink: Sink) -> AsyncIterator[Api]:
    """The API of a server whose mail ends in the sink and whose webhooks may call us."""
    server = await start_server(
        domain=DOMAIN,
        delivery=f"smarthost:127.0.0.1:{sink.port}",
        allow_private_targets="yes",
        verify_domains="trust",
        rate_limits="off",
        webhook_retry_schedule="1,1",
    )
    async with aiohttp.ClientSession() as http:
        yield Api(server, http)


@pytest.fixture
async def with_addresses(start_server: StartServer) -> AsyncIterator[Api]:
    """The API of a server with source addresses."""
    server = await start_server(
        domain=DOMAIN,
        source_ips=",".join([*IPS, f"{SHARED_IP};shared", f"{FREE_IP};free"]),
    )
    async with aiohttp.ClientSession() as http:
        yield Api(server, http)


async def using(client: Callable[[], T]) -> T:
    """Run a client that blocks."""
    return await asyncio.to_thread(client)
