"""Received mail and SIGKILL: what was committed is dealt with once, what was not left no trace."""

import asyncio
import smtplib
from typing import Any

import aiohttp
import pytest

from .conftest import DOMAIN, Api, wait_for

MESSAGE = f"From: ann@there.test\r\nTo: postmaster@{DOMAIN}\r\nSubject: Hi\r\n\r\nHello.\r\n"


@pytest.mark.parametrize(("point", "kept"), [("inbound.before", 0), ("inbound.committed", 1)])
async def test_killed_at_the_door(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, point: str, kept: int
) -> None:
    server = await start_server(**settings, failpoints=f"{point}=kill")

    def send() -> None:
        with smtplib.SMTP(*server.mx, local_hostname="there.test", timeout=20) as client:
            client.sendmail("ann@there.test", [f"postmaster@{DOMAIN}"], MESSAGE)

    with pytest.raises(smtplib.SMTPServerDisconnected):
        await asyncio.to_thread(send)
    await server.kill()
    server.settings["failpoints"] = ""
    await server.start()
    api = Api(server, http)
    if kept:

        async def stored() -> bool:
            return any(event["event"] == "stored" for event in await api.events())

        await wait_for(stored, "stored event")
    # Another message comes through, and nothing of the first one is done a second time.
    await asyncio.to_thread(send)

    async def all_there() -> bool:
        names = [event["event"] for event in await api.events()]
        return names.count("stored") == kept + 1 and names.count("accepted") == kept + 1

    await wait_for(all_there, "events of both messages")
