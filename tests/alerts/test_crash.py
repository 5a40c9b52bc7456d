"""SIGKILL between a receiver's answer and its record: an alert comes again, and is not lost."""

import time

import aiohttp

from postwright.accounts import any_account
from postwright.alerts import announce
from postwright.kernel.db import open_db
from postwright.testing.catcher import Catcher
from tests.conftest import StartServer
from tests.e2e.conftest import DOMAIN, Api


async def test_an_alert_comes_again_until_it_is_recorded(start_server: StartServer, catcher: Catcher) -> None:
    """On the embedded store; on PostgreSQL the lease has to run out."""
    server = await start_server(
        domain=DOMAIN, allow_private_targets="loopback", verify_domains="trust", failpoints="alert.told=kill"
    )
    async with aiohttp.ClientSession() as http:
        api = Api(server, http)
        body = {
            "event_type": "ip_listed",
            "channel": "webhook",
            "settings": {"url": catcher.url("/alert")},
        }
        status, text = await api.call("POST", "/v1/alerts/settings/events", json=body)
        assert status == 200, text
        asked = len(catcher.caught)  # whether the URL answers
        db = open_db("sqlite", server.folder / "data")
        account = db.read_now(any_account)
        assert account is not None
        now = time.time_ns() // 1000
        assert (
            db.write_now(announce, now, account, "ip_listed", {"message": "listed", "ip": "192.0.2.1"}) == 1
        )
        db.close_now()
        await catcher.wait(asked + 2, 60)
        await server.kill()
        before = len(catcher.caught)
        server.settings["failpoints"] = ""
        await server.start()
        await catcher.wait(before + 1, 60)
    told = [call.json["event_data"]["id"] for call in catcher.caught[asked:]]
    assert len(told) >= 3 and len(set(told)) == 1
