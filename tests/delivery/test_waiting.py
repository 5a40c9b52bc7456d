"""Recipients that wait although they are due: told as such, and not made to wait for what does not concern them."""

import asyncio
from typing import Any
from urllib.parse import quote

from postwright import levers
from postwright.kernel.db import beat, lease_node
from postwright.testing.sink import Sink

from .conftest import HOST, Rig, Rigs, until

SITE = "mx0.there.test"


async def suspend(rig: Rig, seconds: int = 3600) -> None:
    """Nothing goes to the site of `there.test`; and somebody delivers, as far as others can see."""
    await rig.delivery.board.suspend(site=SITE, rule="TS04", reason="421 [TSS04]", seconds=seconds)
    node = await rig.api.db.write(lease_node, "delivery", rig.api.clock.now())
    await rig.api.db.write(beat, node, rig.api.clock.now())


async def journal(rig: Rig, message_id: str) -> list[dict[str, Any]]:
    path = f"/postwright/v1/{{d}}/messages/{quote(message_id)}/attempts"
    items: list[dict[str, Any]] = (await rig.api.ok("GET", path))["items"]
    return items


async def why(rig: Rig, message_id: str) -> dict[str, Any]:
    path = f"/postwright/v1/{{d}}/messages/{quote(message_id)}/why"
    (item,) = (await rig.api.ok("GET", path))["items"]
    found: dict[str, Any] = item
    return found


async def parked(rig: Rig, count: int) -> None:
    """Wait until so many are parked."""

    async def number() -> int:
        states: dict[str, Any] = (await rig.api.ok("GET", "/postwright/v1/queue"))["states"]
        return int(states["parked"]["count"])

    for _ in range(1000):
        if await number() == count:
            return
    raise AssertionError(f"{await number()} parked, not {count}")


async def test_a_suspension_is_the_cause_and_stands_in_the_journal_once(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of()
    await suspend(rig)
    message_id = await rig.send()
    await parked(rig, 1)
    found = await why(rig, message_id)
    assert (found["state"], found["cause"]) == ("queued", "suspended")
    assert SITE in found["text"] and "TS04" in found["text"] and "[TSS04]" in found["text"]
    assert found["next_try"] and found["since"]
    (delay,) = await journal(rig, message_id)
    assert (delay["kind"], delay["outcome"], delay["cause"]) == ("delay", "delayed", "suspended")
    assert SITE in delay["decision"] and delay["next_at"] == found["next_try"]
    await suspend(rig, 7200)  # and again before the first is over: it goes on waiting for the same
    rig.api.clock.advance(3601)
    await until(lambda: rig.delivery.board.until(SITE))
    rig.api.clock.advance(3600)
    (event,) = await rig.outcomes(1, 20)
    assert event["delivery-status"]["attempt-no"] == 1
    told = await journal(rig, message_id)
    assert [(each["kind"], each["cause"]) for each in told] == [("delay", "suspended"), ("attempt", "")]


async def test_what_its_destination_has_no_room_for_is_told_as_throttled(rig_of: Rigs, mx: Sink) -> None:
    # 120 seconds' worth of mail may be in memory: here eight of each account and lane.
    rig = await rig_of(f'[site."{SITE}"]\nmessage_rate = "1/min"')
    message_id = await rig.send([f"u{n}@there.test" for n in range(10)])
    await parked(rig, 2)
    told = await journal(rig, message_id)
    waits = [each for each in told if each["kind"] == "delay"]
    assert [each["cause"] for each in waits] == ["throttled"] * 2 and SITE in waits[0]["decision"]


async def test_what_goes_another_way_does_not_wait_for_the_first(rig_of: Rigs, mx: Sink) -> None:
    """Neither what was parked before the rule, nor what comes after it; what the rule is not about stays."""
    rig = await rig_of()
    await suspend(rig)
    await rig.send("before@there.test", o__tag="move")
    await rig.send("stays@there.test")
    await parked(rig, 2)
    async with Sink(host="127.0.0.3") as other:
        await rig.api.db.write(
            levers.create,
            rig.api.clock.now(),
            levers.REROUTE,
            rig.api.one.account_id,
            levers.Filter(tag="move"),
            levers.Target(host="127.0.0.3", port=other.port),
            "",
            "test",
        )
        await other.wait(1)
        await rig.send("after@there.test", o__tag="move")
        await other.wait(2)
        assert [m.recipients for m in other.messages] == [["before@there.test"], ["after@there.test"]]
    await parked(rig, 1)
    assert mx.messages == []


async def test_a_provider_is_known_by_its_hosts(rig_of: Rigs, mx: Sink) -> None:
    """A domain of a customer's own that has its mailboxes at a provider counts as the provider's."""
    limits = '[provider.google]\nmx = [".hosted.test"]\nrequire_tls = false\n'
    rig = await rig_of(limits)
    rig.dns.set("aspmx.hosted.test", "A", HOST)
    rig.dns.set("company.test", "MX", "1 aspmx.hosted.test.")
    await rig.api.ok("POST", "/postwright/v1/queue/pause", data={"provider": "gmail"})
    await until(lambda: rig.delivery._levers.any)
    message_id = await rig.send("bob@company.test")
    await rig.send("eve@there.test")
    assert (await rig.outcomes(1))[0]["recipient"] == "eve@there.test"

    async def held() -> int:
        return int((await rig.api.ok("GET", "/postwright/v1/queue"))["states"]["held"]["count"])

    while not await held():
        pass
    assert (await why(rig, message_id))["cause"] == "paused"
    assert [m.recipients for m in mx.messages] == [["eve@there.test"]]

    async def would(**choice: str) -> int:
        """How many a lever would take: no DNS is asked, what delivery found out counts."""
        look = {"dry_run": "yes"} | choice
        return int((await rig.api.ok("POST", "/postwright/v1/queue/cancel", data=look))["count"])

    while await would(provider="GMAIL") != 1:  # noqa: ASYNC110  what is looked at has no event
        await asyncio.sleep(0.05)
    assert await would(provider="Other") == 0
    assert await would(provider="gmail", recipient_domain="company.test") == 1
    assert await would(provider="gmail", recipient_domain="there.test") == 0
    shown = await rig.api.ok("GET", "/postwright/v1/queue")
    assert shown["providers"] == {"Gmail": 1} and shown["recipient_domains"][0]["provider"] == "Gmail"
    rig.dns.set("company.test", "MX", "1 mx0.there.test.")  # they move away
    rig.api.clock.advance(7200)
    await rig.send("bob@company.test")
    while await would(provider="Other") != 1:  # noqa: ASYNC110  what is looked at has no event
        await asyncio.sleep(0.05)
    assert await would(provider="gmail") == 0
