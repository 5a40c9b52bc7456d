"""Limits at work: connections, rates, suspensions, turns; over real SMTP, with a clock that is moved by hand."""

import asyncio
from typing import Any

from sqlalchemy import select

from postwright.delivery.tables import suspensions
from postwright.queue.tables import queue as queue_table
from postwright.testing.sink import Sink

from .conftest import HOST, Rig, Rigs, until

YAHOO = "mta5.am0.yahoodns.net"


class Crowd(Sink):
    """Knows how many connections were open at once."""

    peak = 0

    async def connect(self, session: Any) -> Any:
        self.peak = max(self.peak, len(self.connections))
        return await super().connect(session)


async def test_a_thousand_domains_on_one_site_share_its_connections(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of('[site."mx.host.test"]\nconnections = 5')
    rig.dns.set("mx.host.test", "A", "127.0.0.3")
    async with Crowd(host="127.0.0.3", port=mx.port) as crowd:
        crowd.fail("*", delay=0.002, at="MESSAGE")
        for number in range(1000):
            rig.dns.set(f"d{number}.test", "MX", "10 mx.host.test.")
        for first in range(0, 1000, 250):
            await rig.send([f"u@d{number}.test" for number in range(first, first + 250)])
        await crowd.wait(1000, 60)
        assert crowd.peak == 5
        assert len({message.recipients[0] for message in crowd.messages}) == 1000


async def test_sites_of_one_provider_share_what_is_the_providers(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of("[provider.big]\nmx = ['big.test']\nprovider_connections = 2\nidle_seconds = 30")
    async with Crowd(host="127.0.0.3", port=mx.port) as crowd:
        for site in ("a", "b", "c"):
            rig.dns.set(f"{site}.big.test", "A", "127.0.0.3")
            rig.dns.set(f"{site}.test", "MX", f"10 {site}.big.test.")
        # Idle connections give their places to others long before their time is over.
        for _ in range(2):
            for site in ("a", "b", "c"):
                await rig.send([f"u{n}@{site}.test" for n in range(3)])
        await crowd.wait(18, 20)
        assert crowd.peak == 2


async def test_a_rate_is_kept_evenly(rig_of: Rigs, mx: Sink) -> None:
    # Over one connection: when it sleeps nothing is on its way, and the clock may move.
    rig = await rig_of('[site."mx0.there.test"]\nmessage_rate = "10/s"\nconnections = 1')
    clock, times = rig.api.clock, []
    began = clock.now()

    def arrived(_: Any) -> None:
        times.append((clock.now() - began) / 1e6)

    mx._on_message = arrived
    await rig.send([f"u{n}@there.test" for n in range(100)])
    async with asyncio.timeout(60):
        while len(times) < 100:
            await asyncio.sleep(0.002)
            if clock.next_wake is not None:
                clock.advance((clock.next_wake - clock.now()) / 1e6)
    assert abs(times[-1] - times[0] - 9.9) < 0.2
    # In each second ten, give or take the one that makes up for a late one.
    for second in range(9):
        assert 8 <= sum(second <= at - times[0] < second + 1 for at in times) <= 12


async def test_enough_for_now_halves_the_connections_and_costs_no_attempt(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of('[site."mx0.there.test"]\nadaptive = true\nconnections = 8')
    place = "mx0.there.test"
    gate = rig.delivery._admission.gates.at(place, "")
    for number in range(3):
        await rig.send(f"u{number}@there.test")
        await rig.outcomes(number + 1)
    gate.pace.limit = 8
    mx.fail("*", 421, "4.7.0 enough for now", at="MAIL", times=1)
    await rig.send([f"v{number}@there.test" for number in range(6)])
    told = await rig.outcomes(9)
    assert {event["event"] for event in told} == {"delivered"}
    assert {event["delivery-status"]["attempt-no"] for event in told} == {1}
    assert gate.pace.limit < 8


async def test_concurrency_begins_low_and_grows(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of('[site."host.crowd.test"]\nadaptive = true\nconnections = 6')
    rig.dns.set("host.crowd.test", "A", "127.0.0.3")
    rig.dns.set("crowd.test", "MX", "10 host.crowd.test.")
    async with Crowd(host="127.0.0.3", port=mx.port) as crowd:
        await rig.send([f"u{number}@crowd.test" for number in range(40)])
        await crowd.wait(40)
        assert crowd.peak == 2
        await rig.send([f"v{number}@crowd.test" for number in range(160)])
        await crowd.wait(200, 20)
        assert 3 <= crowd.peak <= 6


async def _yahoo(rig: Rig) -> None:
    rig.dns.set(YAHOO, "A", "127.0.0.3")
    rig.dns.set("yahoo.test", "MX", f"10 {YAHOO}.")


async def test_a_site_that_blocks_us_is_left_alone_and_others_flow(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of()
    await _yahoo(rig)
    async with Sink(host="127.0.0.3", port=mx.port) as yahoo:
        yahoo.fail("*", 421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", at="MAIL", times=1)
        await rig.send("first@yahoo.test")
        (event,) = await rig.outcomes(1)
        assert event["severity"] == "temporary"
        tried = yahoo.counts.mail
        await rig.send([f"u{n}@yahoo.test" for n in range(20)])
        await rig.send("bob@there.test")
        assert (await rig.outcomes(2))[1]["recipient"] == "bob@there.test"
        await until(lambda: not rig.delivery._sites.get(YAHOO))
        assert yahoo.counts.mail == tried
        (row,) = await rig.api.db.read(lambda tx: tx.rows(select(suspensions)))
        assert (row.site, row.rule) == (YAHOO, "TS04")
        assert row.until - row.since == 2 * 3600 * 1_000_000
        assert "TSS04" in row.reason
        states = await rig.api.db.read(lambda tx: tx.rows(select(queue_table.c.state, queue_table.c.parked)))
        assert sum(state == 2 and parked == YAHOO for state, parked in states) == 20
        rig.api.clock.advance(2 * 3600 + 1)
        told = await rig.outcomes(23, 20)
        late = [each for each in told if each["recipient"].startswith("u")]
        assert {each["delivery-status"]["attempt-no"] for each in late} == {1}  # waiting cost no attempt
        assert {each["event"] for each in late} == {"delivered"}


async def test_what_is_suspended_stays_so_after_a_restart(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of()
    await _yahoo(rig)
    await rig.delivery.board.suspend(
        site=YAHOO, rule="operator", reason="asked by their postmaster", seconds=3600
    )
    later = Rig(rig.api, rig.dns, rig.port).delivery  # another process on the same store, or this one again
    assert not later.board.until(YAHOO)
    await later.board.refresh()
    assert later.board.until(YAHOO) == rig.api.clock.now() + 3600 * 1_000_000
    (entry,) = later.board.entries
    assert (entry.rule, entry.reason) == ("operator", "asked by their postmaster")
    rig.api.clock.advance(3601)
    assert not later.board.until(YAHOO)


async def test_one_account_too_fast_is_its_own_affair(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of("[[default.rules]]\nmatch = 'RL000010'\nscope = 'account'\nfor = '5m'")
    mx.fail("*", 421, "4.1.0 RL000010", at="MAIL", times=1)
    await rig.send("a@there.test")
    await rig.outcomes(1)
    await rig.send("b@there.test")
    two = rig.api.two
    answer = await rig.api.call(
        "POST",
        f"/v3/{two.domain}/messages",
        key=two.key,
        data={"from": f"x@{two.domain}", "to": "c@there.test", "subject": "s", "text": "t"},
    )
    assert answer.status_code == 200
    told = await rig.outcomes(2)
    assert told[1]["recipient"] == "c@there.test"
    rig.api.clock.advance(301)
    assert {event["recipient"] for event in await rig.outcomes(3)} >= {"b@there.test"}


async def test_limits_that_a_reply_led_to(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of(
        "[[default.rules]]\nmatch = 'poor reputation'\naction = 'limit'\nfor = '90m'\n"
        "limits = { connections = 1, message_rate = '1/min' }"
    )
    mx.fail("*", 451, "4.7.1 poor reputation", at="MAIL", times=1)
    await rig.send("a@there.test")
    await rig.outcomes(1)
    await rig.send([f"u{n}@there.test" for n in range(4)])
    await rig.outcomes(2)
    await until(lambda: rig.api.clock.next_wake)
    for count in (3, 4, 5):
        assert len(await rig.events()) == count - 1
        rig.api.clock.advance(61)
        await rig.outcomes(count)


async def test_a_quiet_account_does_not_wait_for_a_loud_one(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of('[site."mx0.there.test"]\nconnections = 2')
    mx.fail("*", delay=0.001, at="MESSAGE")
    for batch in range(2):
        await rig.send([f"u{batch}-{n}@there.test" for n in range(1000)])
    await mx.wait(50)
    seen = len(mx.messages)
    two = rig.api.two
    for number in range(10):
        data = {"from": f"x@{two.domain}", "to": f"quiet{number}@there.test", "subject": "s", "text": "t"}
        await rig.api.call("POST", f"/v3/{two.domain}/messages", key=two.key, data=data)

    def quiet() -> list[int]:
        return [at for at, message in enumerate(mx.messages) if message.recipients[0].startswith("quiet")]

    await until(lambda: len(quiet()) == 10)
    assert quiet()[-1] - seen < 400  # of two thousand
    for each in rig.delivery._sites.values():  # nobody waits for the rest at the end of the test
        each._ready.clear()


async def test_an_express_message_passes_the_batch_of_its_own_account(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of('[site."mx0.there.test"]\nconnections = 1')
    mx.fail("*", delay=0.002, at="MESSAGE")
    await rig.send([f"u{n}@there.test" for n in range(900)])
    await mx.wait(20)
    seen = len(mx.messages)
    await rig.send("express@there.test")
    await until(lambda: any(m.recipients == ["express@there.test"] for m in mx.messages))
    assert [m.recipients[0] for m in mx.messages].index("express@there.test") - seen < 150
    for each in rig.delivery._sites.values():
        each._ready.clear()


async def test_waits_that_replies_name_and_greylisting(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of()
    mx.fail("grey", 450, "4.7.1 Greylisted, please come back", at="RCPT")
    mx.fail("named", 451, "4.7.1 Please try again in 20 minutes", at="RCPT")
    mx.fail("days", 451, "4.7.1 Please try again in 40 hours", at="RCPT")
    for local in ("grey", "named", "days"):
        await rig.send(f"{local}@there.test")
    told = {event["recipient"]: event for event in await rig.outcomes(3)}
    waits = {name.split("@")[0]: each["delivery-status"].get("retry-seconds") for name, each in told.items()}
    assert waits == {"grey": 300, "named": 1210, "days": 14400}
    rig.api.clock.advance(301)
    told_again = await rig.outcomes(4)
    assert told_again[3]["delivery-status"]["retry-seconds"] == 900


async def test_a_dead_site_is_not_dialled_for_each_recipient(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of('failures = 2\n[site."mx0.dead.test"]\nconnections = 1')
    rig.mx("dead.test", "127.0.0.9")  # nobody listens there
    await rig.send([f"u{n}@dead.test" for n in range(10)])
    told = await rig.outcomes(10)
    assert {event["delivery-status"]["code"] for event in told} == {499}
    assert {event["severity"] for event in told} == {"temporary"}
    gate = rig.delivery._admission.gates.at("mx0.dead.test", "")
    assert gate.dead_until > rig.api.clock.now()
    assert all("Unable to connect to MX servers" in event["delivery-status"]["message"] for event in told)
    assert rig.dns.asked("dead.test", "MX") == 1
    assert HOST


async def test_what_waits_for_a_suspended_site_gets_too_old(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of()
    await rig.delivery.board.suspend(site="mx0.there.test", rule="x", reason="y", seconds=86_400)
    await rig.send()
    await until(lambda: rig.delivery._parked)
    rig.api.clock.advance(8 * 3600 + 1)
    (event,) = await rig.outcomes(1)
    assert (event["severity"], event["reason"], event["delivery-status"]["code"]) == ("permanent", "old", 602)
    assert mx.counts.connections == 0
