"""Calls as their receivers see them, and what becomes of those that fail."""

import asyncio
import hashlib
import hmac
import time

import pytest
from sqlalchemy import update

from postwright.kernel import calling, failpoints
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Write
from postwright.kernel.ids import hex_id
from postwright.testing.catcher import Answer, Catcher
from postwright.webhooks import release_all, service, store
from postwright.webhooks.service import Level
from postwright.webhooks.tables import webhook_calls

from .conftest import DONE, GIVEN_UP, LEASED, QUEUED, World

SCHEDULE = (300, 600, 900, 3600, 7200, 14400)  # behaviour.md 9.2


def signed(key: str, signature: dict[str, str], name: str = "signature") -> bool:
    """Checks as a receiver does, without our code."""
    text = signature["timestamp"] + signature["token"]
    wanted = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, signature[name])


async def told(world: World, level: Level, url: str, **data: object) -> None:
    """An event that `url` is to be told of."""
    await world.hook(level, url)
    await world.event(level, **data)
    await world.project()


async def test_a_call(world: World, domain: Level, catcher: Catcher) -> None:
    await told(world, domain, catcher.url("/hook?x=1"), recipient="bob@example.net", tags=["ä"])
    async with world.sending():
        (call,) = await catcher.wait(1)
        (row,) = await world.until(lambda rows: rows[0].state == DONE)
    assert (call.method, call.path) == ("POST", "/hook?x=1")
    assert call.headers["content-type"] == "application/json"
    assert set(call.json) == {"signature", "event-data"}
    signature = call.json["signature"]
    assert set(signature) == {"timestamp", "token", "signature"}
    assert signature["timestamp"] == str(world.clock.now() // SECOND)
    assert len(signature["token"]) == 50 and set(signature["token"]) <= set("0123456789abcdef")
    assert signed(await world.key(domain.account_id), signature)
    assert not signed("another key", signature)
    event = call.json["event-data"]
    assert (event["event"], event["recipient"], event["tags"]) == ("delivered", "bob@example.net", ["ä"])
    assert (row.last_status, row.last_error, row.finished_at) == (200, "", world.clock.now())


async def test_a_call_for_a_subaccount_is_signed_twice(world: World, domain: Level, catcher: Catcher) -> None:
    child = Level(await world.account(domain.account_id), hex_id())
    await world.hook(Level(domain.account_id), catcher.url())
    await world.event(child)
    await world.project()
    async with world.sending():
        (call,) = await catcher.wait(1)
    signature = call.json["signature"]
    assert signed(await world.key(child.account_id), signature)
    assert signed(await world.key(domain.account_id), signature, "parent-signature")


@pytest.mark.parametrize("reply", [301, 302, 400, 404, 410, 500, 503, Answer(drop=True)], ids=str)
async def test_what_is_retried(world: World, domain: Level, catcher: Catcher, reply: int | Answer) -> None:
    catcher.script = [reply, 200]
    await told(world, domain, catcher.url())
    async with world.sending():
        (row,) = await world.until(lambda rows: rows[0].attempts == 1)
        assert (row.state, row.due_at) == (QUEUED, world.clock.now() + 300 * SECOND)
        assert row.last_status == (reply if isinstance(reply, int) else 0)
        assert row.last_error
        world.clock.advance(300)
        await world.until(lambda rows: rows[0].state == DONE)
    first, second = catcher.caught
    assert first.json["event-data"] == second.json["event-data"]
    # Receivers refuse a token seen before and an old timestamp: each attempt is signed afresh.
    assert first.json["signature"]["token"] != second.json["signature"]["token"]
    stamps = [int(call.json["signature"]["timestamp"]) for call in (first, second)]
    assert stamps[1] - stamps[0] == 300


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_what_is_success(world: World, domain: Level, catcher: Catcher, status: int) -> None:
    catcher.script = Answer(status, body=b"")
    await told(world, domain, catcher.url())
    async with world.sending():
        (row,) = await world.until(lambda rows: rows[0].state != QUEUED and rows[0].state != LEASED)
    assert (row.state, row.last_status) == (DONE, status)


async def test_406_stops(world: World, domain: Level, catcher: Catcher) -> None:
    catcher.script = 406
    await told(world, domain, catcher.url())
    async with world.sending():
        (row,) = await world.until(lambda rows: rows[0].state == GIVEN_UP)
        world.clock.advance(86400)
        await asyncio.sleep(0.3)  # more than a poll
    assert row.last_status == 406 and len(catcher.caught) == 1


async def test_a_timeout_is_retried(
    world: World, domain: Level, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postwright.kernel.outgoing.TOTAL_SECONDS", 0.3)
    catcher.script = Answer(delay=5)
    await told(world, domain, catcher.url())
    async with world.sending():
        (row,) = await world.until(lambda rows: rows[0].attempts == 1)
    assert (row.state, row.last_status, row.last_error) == (QUEUED, 0, "timed out")


async def test_the_schedule_and_its_end(world: World, domain: Level, catcher: Catcher) -> None:
    catcher.script = 500
    await told(world, domain, catcher.url())
    async with world.sending():
        for number, wait in enumerate(SCHEDULE, 1):
            (row,) = await world.until(lambda rows, n=number: rows[0].attempts == n)
            assert row.due_at - world.clock.now() == wait * SECOND
            world.clock.advance(wait - 1)
            await asyncio.sleep(0.25)  # two polls, and still one second early
            assert len(catcher.caught) == number
            world.clock.advance(1)
        (row,) = await world.until(lambda rows: rows[0].state == GIVEN_UP)
    assert len(catcher.caught) == 7 and row.last_error == "HTTP 500"


async def test_an_address_we_do_not_go_to_is_not_called(world: World, domain: Level) -> None:
    """It may have been public when it was saved."""
    await told(world, domain, "http://169.254.169.254/latest/")
    async with world.sending():
        (row,) = await world.until(lambda rows: rows[0].attempts == 1)
    assert (row.state, row.last_error) == (QUEUED, "169.254.169.254 is not a public address")


@pytest.mark.parametrize("how", ["deleted", "other type", "account level stays"])
async def test_a_deleted_hook_drops_its_calls(
    world: World, domain: Level, catcher: Catcher, how: str
) -> None:
    catcher.script = [500, 200]
    await told(world, domain, catcher.url())
    if how == "account level stays":
        await world.hook(Level(domain.account_id), catcher.url())
    async with world.sending():
        await world.until(lambda rows: rows[0].attempts == 1)
        if how == "other type":
            now = world.clock.now()
            await world.db.write(service.set_url, now, domain, catcher.url(), ["opened"])
        else:
            await world.db.write(service.remove, domain, "delivered")
        world.clock.advance(300)
        (row,) = await world.until(lambda rows: rows[0].state == DONE)
    wanted = how == "account level stays"
    assert len(catcher.caught) == (2 if wanted else 1)
    assert row.last_error == ("" if wanted else "no longer wanted")


async def test_a_slow_host_does_not_hold_up_another(
    world: World, domain: Level, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "IN_FLIGHT", 60)
    monkeypatch.setattr(calling, "PER_HOST", 6)
    world.clock = Clock()
    count = 70  # for each host: more than fit at once
    async with world.sending(), Catcher(Answer(delay=6)) as slow:
        await world.hook(domain, slow.url())
        await world.hook(domain, catcher.url())
        for _ in range(count):
            await world.event(domain)
        await world.project()
        await catcher.wait(count, 5)
        rows = await world.calls()
        assert len(slow.caught) == calling.PER_HOST
        # Those that wait are looked at again one behind the other, not all at once and not for ever.
        waiting = [r.due_at for r in rows if r.url == slow.url() and r.state == QUEUED]
        assert len(set(waiting)) > count // 3
        assert max(waiting) <= world.clock.now() + calling.PATIENCE_SECONDS * SECOND
        assert not any(r.attempts for r in rows)


async def test_a_busy_host_gets_all_its_calls(world: World, domain: Level, catcher: Catcher) -> None:
    await world.hook(domain, catcher.url())
    for _ in range(100):
        await world.event(domain)
    await world.project()
    async with world.sending():
        deadline = time.monotonic() + 15
        while len(catcher.caught) < 100:
            assert time.monotonic() < deadline, len(catcher.caught)
            world.clock.advance(1)
            await asyncio.sleep(0.05)
        await world.until(lambda rows: all(row.state == DONE for row in rows))
    assert len(catcher.caught) == 100
    assert len({call.json["event-data"]["id"] for call in catcher.caught}) == 100


async def test_a_lost_record_calls_again(world: World, domain: Level, catcher: Catcher) -> None:
    """The receiver answered, and nobody wrote it down: at least once."""
    await told(world, domain, catcher.url())
    failpoints.arm("webhook.posted=fail")
    async with world.sending():
        await catcher.wait(1)
        world.clock.advance(calling.LEASE_SECONDS + 1)
        await asyncio.sleep(0.2)
        await world.db.write(store.calls.recover, world.clock.now())  # what upkeep does
        await catcher.wait(2)
        (row,) = await world.until(lambda rows: rows[0].state == DONE)
    assert row.attempts == 0 and len(catcher.caught) == 2


async def test_a_late_record_of_a_lost_lease_changes_nothing(world: World, domain: Level) -> None:
    await told(world, domain, "http://a.test/x")
    now = world.clock.now()
    (row,) = await world.db.write(store.calls.claim, now, now + SECOND, "first", 10)
    await world.db.write(store.calls.recover, now + 2 * SECOND)
    ((*_, token),) = await world.db.write(store.calls.claim, now + 2 * SECOND, now + 3 * SECOND, "second", 10)
    assert token == "second"
    assert not await world.db.write(store.calls.end, row[0], "first", now, 200, "", done=True)
    (call,) = await world.calls()
    assert (call.state, call.lease_token) == (LEASED, "second")


async def test_nobody_leases_twice(world: World, domain: Level) -> None:
    await told(world, domain, "http://a.test/x")
    now = world.clock.now()
    claims = await asyncio.gather(
        *(world.db.write(store.calls.claim, now, now + SECOND, str(n), 10) for n in range(5))
    )
    assert sum(map(len, claims)) == 1


async def test_leases_of_the_dead_are_released_at_start(world: World, domain: Level) -> None:
    await told(world, domain, "http://a.test/x")
    now = world.clock.now()
    await world.db.write(store.calls.claim, now, now + 3600 * SECOND, "dead", 10)
    assert await world.db.write(release_all, now) == 1
    (call,) = await world.calls()
    assert (call.state, call.due_at) == (QUEUED, now)


async def test_finished_calls_are_kept_for_a_while(world: World, domain: Level, catcher: Catcher) -> None:
    catcher.script = [200, 500]
    await told(world, domain, catcher.url())
    async with world.sending():
        await world.until(lambda rows: rows[0].state == DONE)
        await world.event(domain)
        await world.project()
        await world.until(lambda rows: rows[1].attempts == 1)
    later = world.clock.now() + 1
    assert await world.db.write(store.calls.expire, later - SECOND, 10) == 0
    assert await world.db.write(store.calls.expire, later, 10) == 1
    (left,) = await world.calls()
    assert left.attempts == 1


async def test_a_call_whose_event_is_gone_ends(world: World, domain: Level, catcher: Catcher) -> None:
    await told(world, domain, catcher.url())

    def lose(tx: Write) -> int:
        return tx.run(update(webhook_calls).values(event_seq=999_999))

    await world.db.write(lose)
    async with world.sending():
        await world.until(lambda rows: rows[0].state == DONE)
    assert not catcher.caught


async def test_a_stop_finishes_what_is_under_way(world: World, domain: Level, catcher: Catcher) -> None:
    catcher.script = Answer(delay=0.5)
    await told(world, domain, catcher.url())
    async with world.sending():
        await catcher.wait(1)
    (row,) = await world.calls()
    assert row.state == DONE
