"""Suppressed recipients get nothing, and hard bounces suppress."""

import asyncio

from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for


async def test_a_hard_bounce_enters_the_list_and_stops_the_next_message(api: Api, sink: Sink) -> None:
    sink.fail("gone", 550, "5.1.1 No such user")
    sink.fail("full", 552, "5.2.2 Mailbox full")
    await api.wait_event("failed", await api.send(to="gone@example.net"), reason="bounce")
    await api.wait_event("failed", await api.send(to="full@example.net"), reason="generic")

    async def listed() -> object:
        return (await api.get(f"/v3/{DOMAIN}/bounces"))["items"]

    (entry,) = await wait_for(listed, "bounce entry")
    assert (entry["address"], entry["code"]) == ("gone@example.net", "550") and "No such user" in entry[
        "error"
    ]
    tries = sink.counts.rcpt
    event = await api.wait_event("failed", await api.send(to="Gone@example.net"))
    assert (event["severity"], event["reason"]) == ("permanent", "suppress-bounce")
    assert event["delivery-status"]["code"] == 605 and event["delivery-status"]["message"] == ""
    assert event["delivery-status"]["description"] == "Not delivering to previously bounced address"
    assert sink.counts.rcpt == tries  # nobody was even asked
    assert (await api.call("DELETE", f"/v3/{DOMAIN}/bounces/gone@example.net"))[0] == 200
    await api.wait_event("failed", await api.send(to="gone@example.net"), reason="bounce")


async def test_unsubscribes_by_tag_and_complaints(api: Api, sink: Sink) -> None:
    await api.call("POST", f"/v3/{DOMAIN}/unsubscribes", data={"address": "bob@example.net", "tag": "News"})
    await api.call("POST", f"/v3/{DOMAIN}/complaints", data={"address": "eve@example.net"})
    news = await api.wait_event("failed", await api.send(o__tag="news"))
    assert (news["reason"], news["delivery-status"]["code"]) == ("suppress-unsubscribe", 606)
    await api.wait_event("delivered", await api.send(o__tag="other"))
    angry = await api.wait_event("failed", await api.send(to="eve@example.net"))
    assert (angry["reason"], angry["delivery-status"]["code"]) == ("suppress-complaint", 607)
    assert [message.recipients for message in sink.messages] == [["bob@example.net"]]


async def test_the_allowlist_keeps_bounces_away(api: Api, sink: Sink) -> None:
    sink.fail("*", 550, "5.1.1 No such user")
    await api.call("POST", f"/v3/{DOMAIN}/whitelists", data={"domain": "vip.example.net"})
    await asyncio.gather(
        *[
            api.wait_event("failed", await api.send(to=f"bob@{host}"), reason="bounce")
            for host in ("vip.example.net", "example.net")
        ]
    )

    async def listed() -> object:
        return (await api.get(f"/v3/{DOMAIN}/bounces"))["items"]

    (entry,) = await wait_for(listed, "bounce entry")
    assert entry["address"] == "bob@example.net"
