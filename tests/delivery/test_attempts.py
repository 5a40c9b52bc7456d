"""Attempts: what is kept open, what is tried again and when, what ends it."""

import asyncio
import time

import pytest

from postwright import queue
from postwright.kernel.clock import SECOND
from postwright.queue.tables import queue as queue_table
from postwright.testing.sink import Sink

from .conftest import Rig, Rigs, until

WAITS = [600, 900, 1800, 3600, 7200, 14400]


async def test_one_connection_serves_message_after_message(rig: Rig, mx: Sink) -> None:
    for number in range(1, 6):
        await rig.send(f"u{number}@there.test")
        await rig.outcomes(number)
    assert mx.counts.connections == 1


async def test_a_connection_has_a_limit_of_messages(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of("messages_per_connection = 2")
    for number in range(1, 6):
        await rig.send(f"u{number}@there.test")
        await rig.outcomes(number)
    assert mx.counts.connections == 3


async def test_connections_to_a_site_have_a_limit_and_end(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of('[site."mx0.there.test"]\nconnections = 3\nidle_seconds = 0.1')
    mx.fail("*", delay=0.02, at="MESSAGE")
    await rig.send([f"u{number}@there.test" for number in range(30)])
    await rig.outcomes(30)
    assert mx.counts.connections == 3
    await until(lambda: not (rig.delivery._sites or mx.connections))
    assert rig.delivery._in_flight == 0


async def test_a_resting_connection_does_not_work_alone(rig: Rig, mx: Sink) -> None:
    await rig.send()
    await rig.outcomes(1)
    mx.fail("*", delay=0.2, at="MESSAGE")
    await rig.send([f"u{number}@there.test" for number in range(10)])
    started = time.monotonic()
    await rig.outcomes(11)
    assert time.monotonic() - started < 1.0  # ten in a row would take two seconds


async def test_a_kept_connection_that_was_closed_costs_no_attempt(rig: Rig, mx: Sink) -> None:
    await rig.send()
    await rig.outcomes(1)
    mx.fail("*", drop="mail", times=1)
    await rig.send("eve@there.test")
    _, second = await rig.outcomes(2)
    assert second["event"] == "delivered"
    assert second["delivery-status"]["attempt-no"] == 1


async def test_a_server_that_takes_three_messages_a_connection_gets_all(rig: Rig, mx: Sink) -> None:
    for number in range(1, 8):
        if number in (4, 7):
            mx.fail("*", 421, "4.7.0 too many messages on this connection", at="MAIL", times=1)
        await rig.send(f"u{number}@there.test")
        await rig.outcomes(number)
    assert {event["event"] for event in await rig.events()} == {"delivered"}
    assert mx.counts.connections == 3


async def test_421_on_a_new_connection_defers(rig: Rig, mx: Sink) -> None:
    mx.fail("*", 421, "4.7.0 not now", at="MAIL")
    event = await rig.outcome()
    assert (event["event"], event["severity"]) == ("failed", "temporary")
    status = event["delivery-status"]
    assert (status["code"], status["enhanced-code"], status["message"]) == (421, "4.7.0", "not now")
    assert mx.counts.connections == 1


async def test_recipients_of_one_message_have_their_own_outcomes(rig: Rig, mx: Sink) -> None:
    mx.fail("later", 450, "4.2.0 greylisted", at="RCPT")
    mx.fail("no", 550, "5.1.1 no such user", at="RCPT")
    await rig.send(["yes@there.test", "later@there.test", "no@there.test"])
    told = {event["recipient"]: event for event in await rig.outcomes(3)}
    assert told["yes@there.test"]["event"] == "delivered"
    assert told["later@there.test"]["reason"] == "greylisted"
    assert told["no@there.test"]["delivery-status"]["bounce-type"] == "hard"
    assert [message.recipients for message in mx.messages] == [["yes@there.test"]]


@pytest.mark.parametrize(
    ("drop", "ambiguous"), [("mail", False), ("rcpt", False), ("data", False), ("after-dot", True)]
)
async def test_a_lost_reply_to_the_message_waits_longer(
    rig: Rig, mx: Sink, drop: str, ambiguous: bool
) -> None:
    mx.fail("*", drop=drop)
    event = await rig.outcome()
    assert event["severity"] == "temporary"
    assert event["delivery-status"]["retry-seconds"] == (900 if ambiguous else 600)
    assert event["delivery-status"]["mx-host"] == "mx0.there.test"
    assert len(mx.messages) == ambiguous


async def test_after_a_lost_reply_the_same_bytes_are_sent_again(rig: Rig, mx: Sink) -> None:
    mx.fail("*", drop="after-dot", times=1)
    await rig.send()
    await rig.outcomes(1)
    rig.api.clock.advance(901)
    await rig.outcomes(2)
    first, second = mx.messages
    assert first.data == second.data
    assert first.sender == second.sender


async def test_the_schedule_is_kept_and_its_end_is_old(rig: Rig, mx: Sink) -> None:
    mx.fail("*", 451, "4.3.0 later", at="RCPT")
    await rig.send()
    for number, wait in enumerate([*WAITS, 0], 1):
        event = (await rig.outcomes(number))[-1]
        last = number == len(WAITS) + 1  # the sixth wait ends five minutes before the eight hours do
        status = event["delivery-status"]
        assert (event["severity"], status["attempt-no"]) == ("permanent" if last else "temporary", number)
        if last:
            assert (event["reason"], status["code"], status["message"]) == ("old", 602, "Too old")
            assert (status["last-code"], status["last-message"]) == (451, "later")
            break
        assert (status["code"], status["retry-seconds"]) == (451, wait)
        rig.api.clock.advance(wait - 1)
        await asyncio.sleep(0.15)
        assert len(await rig.events()) == number
        rig.api.clock.advance(1)
    assert await rig.api.db.read(lambda tx: tx.rows(queue_table.select())) == []
    assert mx.counts.rcpt == len(WAITS) + 1


async def test_a_domain_may_have_its_mail_tried_for_three_days(rig: Rig, mx: Sink) -> None:
    path = "/postwright/v1/domains/{d}/queue"
    for wrong in ("299", "259201", "-1", "many"):
        answer = await rig.api.call("PUT", path, data={"lifetime": wrong})
        assert answer.status_code == 400 and "lifetime" in answer.json()["message"]
    assert (await rig.api.call("GET", path, key=rig.api.two.key)).status_code == 404
    assert await rig.api.ok("GET", path) == {"lifetime": 0}
    assert await rig.api.ok("PUT", path, data={"lifetime": "259200"}) == {"lifetime": 259200}
    mx.fail("*", 451, "4.3.0 later", at="RCPT")
    await rig.send()
    began = rig.api.clock.now()
    for number in range(1, 30):
        event = (await rig.outcomes(number))[-1]
        if event["severity"] == "permanent":
            break
        wait = event["delivery-status"]["retry-seconds"]
        assert wait == (WAITS[number - 1] if number <= len(WAITS) else WAITS[-1])
        rig.api.clock.advance(wait)
    assert event["reason"] == "old"
    assert 68 * 3600 < (rig.api.clock.now() - began) / SECOND < 72 * 3600


async def test_what_waited_too_long_is_not_sent_at_all(rig: Rig, mx: Sink) -> None:
    mx.fail("*", 451, "4.3.0 later", at="RCPT", times=1)
    await rig.send()
    await rig.outcomes(1)
    rig.api.clock.advance(9 * 3600)  # nothing ran that long
    _, event = await rig.outcomes(2)
    assert (event["severity"], event["reason"]) == ("permanent", "old")
    assert event["delivery-status"]["last-code"] == 451
    assert mx.counts.mail == 1


async def test_delivery_within_is_a_shorter_life(rig: Rig, mx: Sink) -> None:
    mx.fail("*", 451, "4.3.0 later", at="RCPT")
    event = await rig.outcome(o__deliver_within="5m")
    assert (event["severity"], event["reason"]) == ("permanent", "old")


async def test_test_mode_ends_before_any_connection(rig: Rig, mx: Sink) -> None:
    event = await rig.outcome(o__testmode="yes")
    assert (event["event"], event["delivery-status"]["code"]) == ("delivered", 650)
    assert mx.counts.connections == 0
    assert rig.dns.queries == []  # it needs no route


async def test_slow_destinations_do_not_hold_up_a_fast_one(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of()
    async with Sink(host="127.0.0.3", port=mx.port) as slow:
        slow.fail("*", delay=30, at="CONNECT")
        for n in range(3):
            rig.mx(f"slow{n}.test", "127.0.0.3")
            await rig.send([f"u{u}@slow{n}.test" for u in range(300)])
        await until(lambda: slow.counts.connections >= 60)
        started = time.monotonic()
        await rig.send([f"u{u}@there.test" for u in range(50)])
        await mx.wait(50)
        assert time.monotonic() - started < 5
        for each in rig.delivery._sites.values():  # nobody waits for the slow ones at the end of the test
            for worker in each._workers:
                worker.cancel()


async def test_a_long_attempt_keeps_its_lease(rig: Rig, mx: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()

    async def hold(*_: object) -> None:
        await release.wait()

    monkeypatch.setattr(mx, "message", hold)
    await rig.send()
    await until(lambda: mx.counts.data)
    monkeypatch.setattr(queue, "LEASE_SECONDS", 0)  # how often `renew` thinks it must
    for _ in range(4):
        rig.api.clock.advance(600)
        await rig.delivery._sender.renew()
        assert (await rig.api.db.write(queue.recover, rig.api.clock.now(), 0)).count == 0
    rig.api.clock.advance(3600)
    lost = await rig.api.db.write(queue.recover, rig.api.clock.now(), 0)
    assert lost.count == 1  # without renewal it would be somebody else's
    release.set()
    await asyncio.sleep(0.1)
    assert await rig.events() == []  # whoever lost the lease records nothing


async def test_stopping_gives_back_what_only_waits(rig_of: Rigs, mx: Sink) -> None:
    rig = await rig_of('[site."mx0.there.test"]\nconnections = 1')
    mx.fail("*", delay=0.5, at="MESSAGE")
    await rig.send([f"u{n}@there.test" for n in range(5)])
    await until(lambda: mx.counts.data)
    (waiting,) = rig.delivery._sites.values()
    left = await waiting.drain()
    assert len(left) == 4
    assert len(await rig.events("delivered")) == 1
    for item in left:
        assert await rig.api.db.write(queue.defer, item, due_at=0, attempts=0)
