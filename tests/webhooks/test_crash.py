"""SIGKILL between a receiver's answer and its record."""

import aiohttp

from postwright.testing.catcher import Catcher
from tests.conftest import StartServer
from tests.e2e.conftest import DOMAIN, Api


async def test_a_call_comes_again_until_it_is_recorded(start_server: StartServer, catcher: Catcher) -> None:
    """On the embedded store; on PostgreSQL the lease has to run out, which test_sender.py has a clock for."""
    server = await start_server(
        domain=DOMAIN,
        allow_private_targets="loopback",
        verify_domains="trust",
        failpoints="webhook.posted=kill",
    )
    async with aiohttp.ClientSession() as http:
        api = Api(server, http)
        status, _ = await api.call(
            "POST", f"/v3/domains/{DOMAIN}/webhooks", data={"id": "accepted", "url": catcher.url()}
        )
        assert status == 200
        await api.send()
        # The sender that takes over knows that it is alone, and does not wait for the lease.
        await catcher.wait(2, 30)
        await server.kill()
        before = len(catcher.caught)
        server.settings["failpoints"] = ""
        await server.start()
        await catcher.wait(before + 1, 30)
        await api.send(subject="second")
        await catcher.wait(before + 2, 30)
    first, *again, second = [call.json for call in catcher.caught]
    assert again and {call["event-data"]["id"] for call in again} == {first["event-data"]["id"]}
    assert len({call["signature"]["token"] for call in (first, *again, second)}) == len(again) + 2
    assert second["event-data"]["message"]["headers"]["subject"] == "second"
