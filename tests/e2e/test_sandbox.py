"""The developer's sandbox: recipients that follow scripts, through every door, and a clock that moves."""

import asyncio
import time
from typing import Any

import aiohttp

from postwright.testing.catcher import Catcher

from .conftest import DOMAIN, Api, wait_for

CAPTURE = "/postwright/v1/capture"


async def test_scripted_recipients_and_the_clock(start_server: Any, http: aiohttp.ClientSession) -> None:
    server = await start_server(domain=DOMAIN)  # the schedules of production: nobody could wait for them
    api = Api(server, http)
    async with Catcher([500, 200]) as catcher:
        status, made = await api.call(
            "POST",
            f"/v3/domains/{DOMAIN}/webhooks",
            data={"id": "permanent_fail", "url": f"http://127.0.0.1:{catcher.port}/hook"},
        )
        assert status == 200, made

        # What the SMTP door answers is what the event tells, and what is suppressed afterwards.
        bounced = await api.send(to="bounce+5.2.2@there.test")
        failed = await api.wait_event("failed", bounced)
        assert failed["severity"] == "permanent"
        assert (failed["delivery-status"]["code"], failed["delivery-status"]["enhanced-code"]) == (
            552,
            "5.2.2",
        )
        bounced = await api.send(to="bounce@there.test")
        assert (await api.wait_event("failed", bounced))["delivery-status"]["code"] == 550
        await wait_for(lambda: _suppressed(api, "bounce@there.test"), "the bounce among the suppressions")
        await wait_for(lambda: _done(len(catcher.caught) >= 1), "the first call")

        # A greylisted recipient takes the next attempt, which the clock brings: 10 minutes in no time.
        grey = await api.send(to="greylist+2@there.test")
        first = await api.wait_event("failed", grey)
        assert first["severity"] == "temporary" and first["delivery-status"]["code"] == 451
        began = time.monotonic()
        for _ in range(2):
            await _until_quiet(api)
            moved = await api.call("POST", f"{CAPTURE}/clock", data={"to": "next"})
            assert moved[0] == 200, moved
        while True:
            try:
                delivered = await api.wait_event("delivered", grey, timeout=1.0)
                break
            except TimeoutError:
                await api.call("POST", f"{CAPTURE}/clock", data={"to": "next"})
                assert time.monotonic() - began < 20
        assert delivered["delivery-status"]["attempt-no"] == 3
        assert delivered["timestamp"] - first["timestamp"] > 600
        # The webhook that was answered 500 came again on its way through.
        await wait_for(lambda: _done(len(catcher.caught) >= 2), "the call again")

        # A schedule days ahead leaves when its day comes, and not before.
        now = delivered["timestamp"]
        later = await api.send(to="late@there.test", o__deliverytime=str(int(now + 2 * 86400)))
        await asyncio.sleep(0.5)
        assert not await _captured(api, "late@there.test")
        status, shown = await api.call("POST", f"{CAPTURE}/clock", data={"advance": str(2 * 86400)})
        assert status == 200 and shown["ahead"] > 2 * 86400
        await api.wait_event("delivered", later)

        # Complaints, late bounces, opens, clicks and unsubscriptions come in by their own doors.
        for kind in ("open", "click", "unsubscribe"):
            await api.call("PUT", f"/v3/domains/{DOMAIN}/tracking/{kind}", data={"active": "yes"})
        html = '<p>Hi <a href="https://shop.test/x?a=1&amp;b=2">shop</a></p>'
        told = {
            "complain": "complained",
            "report+60": "failed",
            "open": "opened",
            "click": "clicked",
            "unsubscribe": "unsubscribed",
        }
        sent = {local: await api.send(to=f"{local}@there.test", html=html) for local in told}
        for local in told:
            await api.wait_event("delivered", sent[local])
        await asyncio.sleep(0.3)
        assert not await api.events(**{"message-id": sent["report+60"], "event": "failed"})
        await api.call("POST", f"{CAPTURE}/clock", data={"advance": "61"})
        for local, event in told.items():
            found = await api.wait_event(event, sent[local])
            assert found["recipient"] == f"{local}@there.test"
            if event == "clicked":
                assert found["url"] == "https://shop.test/x?a=1&b=2"

        # A rule beats the address, the newest beats the older ones, and the wait ends when the message comes.
        status, made = await api.call(
            "POST", f"{CAPTURE}/rules", data={"recipient": "*@vip.test", "do": "defer", "text": "Busy today"}
        )
        assert status == 200 and made["rule"]["enhanced"] == "4.2.1", made
        status, made = await api.call(
            "POST", f"{CAPTURE}/rules", json={"recipient": "bounce@vip.test", "do": "accept"}
        )
        assert status == 200, made
        waiting = asyncio.create_task(
            api.call("GET", f"{CAPTURE}/wait", params={"recipient": "bounce@vip.test", "timeout": "20"})
        )
        await asyncio.sleep(0.2)
        deferred = await api.send(to="ann@vip.test")
        await api.send(to="bounce@vip.test", subject="Here it is")
        status, message = await waiting
        assert status == 200 and message["subject"] == "Here it is" and message["text"].startswith("Hello.")
        assert "Busy today" in (await api.wait_event("failed", deferred))["delivery-status"]["message"]
        status, late = await api.call(
            "GET", f"{CAPTURE}/wait", params={"after": str(message["id"]), "timeout": "0.2"}
        )
        assert status == 404 and "matched within 0.2 s" in late["message"]
        # After a restart it is still the same day.
        ahead = (await api.get(f"{CAPTURE}/clock"))["ahead"]
        await server.restart()
        assert (await api.get(f"{CAPTURE}/clock"))["ahead"] == ahead


async def _suppressed(api: Api, address: str) -> bool:
    status, _ = await api.call("GET", f"/v3/{DOMAIN}/bounces/{address}")
    return status == 200


async def _captured(api: Api, recipient: str) -> list[Any]:
    return (await api.get(f"{CAPTURE}/messages", params={"recipient": recipient}))["items"]


async def _done(so: bool) -> bool:
    return so


async def _until_quiet(api: Api) -> None:
    async def quiet() -> bool:
        return (await api.get(f"{CAPTURE}/clock"))["next"] is not None

    await wait_for(quiet, "something that waits")


async def test_only_where_nothing_leaves(start_server: Any, http: aiohttp.ClientSession) -> None:
    server = await start_server(domain=DOMAIN, delivery="smarthost:127.0.0.1:9")
    api = Api(server, http)
    for path, fields in (("clock", {"advance": "60"}), ("rules", {"recipient": "*", "do": "bounce"})):
        status, body = await api.call("POST", f"{CAPTURE}/{path}", data=fields)
        assert status == 403 and "capture mode" in body["message"]
    assert abs((await api.get(f"{CAPTURE}/clock"))["ahead"]) == 0
