"""Leases: one holder at a time, and nothing is lost with a holder."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from postwright import queue
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, Write, open_db
from postwright.queue.tables import queue as table

NOW = 1_800_000_000 * SECOND


@pytest.fixture
async def filled(db: Db) -> Db:
    items = [queue.NewItem(n, 7, f"u{n}@example.com", "example.com") for n in range(10)]
    await db.write(
        queue.add,
        items,
        account_id="a",
        domain_id="d",
        accepted_at=NOW,
        due_at=NOW,
        give_up_at=NOW + 100 * SECOND,
    )
    return db


async def rows(db: Db) -> int:
    return await db.read(lambda tx: tx.scalar(select(func.count()).select_from(table)))


async def test_nothing_is_claimed_before_its_time(filled: Db) -> None:
    assert not await filled.read(queue.any_due, NOW - 1)
    assert await filled.write(queue.claim, NOW - 1, 100) == []
    assert await filled.read(queue.any_due, NOW)
    assert len(await filled.write(queue.claim, NOW, 100)) == 10


async def test_two_workers_never_hold_the_same_recipient(filled: Db) -> None:
    claims = await asyncio.gather(*(filled.write(queue.claim, NOW, 3) for _ in range(5)))
    ids = [item.id for claim in claims for item in claim]
    assert sorted(ids) == list(range(10))


async def test_a_stale_token_finishes_nothing(filled: Db) -> None:
    (item,) = await filled.write(queue.claim, NOW, 1)
    later = NOW + (queue.LEASE_SECONDS + 1) * SECOND
    assert (await filled.write(queue.recover, later, 900)).count == 1
    (again,) = [i for i in await filled.write(queue.claim, later + 400 * SECOND, 10) if i.id == item.id]
    assert not await filled.write(queue.start, item, later)
    assert not await filled.write(queue.finish, item)
    assert not await filled.write(queue.defer, item, due_at=NOW, attempts=1)
    assert await filled.write(queue.finish, again)
    assert await rows(filled) == 9


async def test_an_expired_lease_returns_with_attempts_unchanged_and_a_pause(filled: Db) -> None:
    (item, begun) = await filled.write(queue.claim, NOW, 2)
    assert await filled.write(queue.start, begun, NOW)
    later = NOW + (queue.LEASE_SECONDS + 1) * SECOND
    assert (await filled.write(queue.recover, later, 900)).count == 2
    soon = {i.id: i for i in await filled.write(queue.claim, later + 300 * SECOND, 10)}
    assert soon[item.id].attempts == 0
    # An attempt had begun: the receiver may have the message, so the wait is longer.
    assert begun.id not in soon
    late = await filled.write(queue.claim, later + 900 * SECOND, 10)
    assert [i.id for i in late] == [begun.id]


async def test_release_all_frees_unbegun_leases_at_once(filled: Db) -> None:
    items = await filled.write(queue.claim, NOW, 10)
    await filled.write(queue.start, items[0], NOW)
    assert (await filled.write(queue.release_all, NOW, 15.0)).count == 10
    assert len(await filled.write(queue.claim, NOW, 100)) == 9
    assert len(await filled.write(queue.claim, NOW + 15 * SECOND, 100)) == 1


async def test_what_a_dead_process_held_returns_and_nothing_else(filled: Db) -> None:
    begun, *others = await filled.write(queue.claim, NOW, 4, None, 12)
    await filled.write(queue.start, begun, NOW)
    alive = await filled.write(queue.claim, NOW, 4, None, 1)
    await filled.write(queue.claim, NOW, 1)
    assert (await filled.write(queue.recover_of, 12, NOW, 900.0)).count == 4
    again = await filled.write(queue.claim, NOW, 100)
    assert {item.id for item in others} < {item.id for item in again} and len(again) == 4
    assert not await filled.write(queue.start, others[0], NOW)  # should it have been alive after all
    assert all([await filled.write(queue.finish, item) for item in alive])
    (late,) = await filled.write(queue.claim, NOW + 900 * SECOND, 100)
    assert (late.id, late.ambiguous) == (begun.id, 1)


async def test_defer_keeps_count_and_reply(filled: Db) -> None:
    (item,) = await filled.write(queue.claim, NOW, 1)
    assert await filled.write(queue.defer, item, due_at=NOW + SECOND, attempts=1, code=450, reply="later")
    claimed = {i.id: i for i in await filled.write(queue.claim, NOW + SECOND, 100)}
    again = claimed[item.id]
    assert (again.attempts, again.last_code, again.last_reply) == (1, 450, "later")


async def test_purge_spares_what_is_being_sent(filled: Db) -> None:
    await filled.write(queue.claim, NOW, 4)
    assert await filled.read(queue.waiting, "d", NOW) == (10, 0)
    assert await filled.write(queue.purge, "other") == 0
    assert await filled.write(queue.purge, "d", 4) == 4
    assert await filled.write(queue.purge, "d") == 2
    assert await rows(filled) == 4


async def fill(db: Db, account: str, first: int, count: int, size: int = 1, due: int = NOW) -> None:
    """`count` messages with `size` recipients each."""
    for number in range(count):
        items = [
            queue.NewItem(first + number * size + n, first + number, f"u{n}@example.com", "example.com")
            for n in range(size)
        ]
        await db.write(
            queue.add,
            items,
            account_id=account,
            domain_id=account,
            accepted_at=NOW,
            due_at=due,
            give_up_at=NOW + 3600 * SECOND,
        )


async def test_accounts_share_a_claim(db: Db) -> None:
    await fill(db, "loud", 0, 200)
    await fill(db, "quiet", 1000, 4, due=NOW + 1)
    turns = queue.Turns()
    claimed = await db.write(queue.claim, NOW + 1, 20, turns)
    assert len(claimed) == 20
    assert sum(item.account_id == "quiet" for item in claimed) == 4
    assert not turns.done


async def test_many_accounts_come_one_after_the_other(db: Db) -> None:
    for number in range(90):
        await fill(db, f"a{number:03}", number * 100, 3)
    turns = queue.Turns()
    seen: list[str] = []
    for _ in range(7):
        claimed = await db.write(queue.claim, NOW, 30, turns)
        seen += [item.account_id for item in claimed]
    assert len(seen) == 210
    # Every account was served at least twice before any had all three.
    assert {seen.count(f"a{number:03}") for number in range(90)} <= {2, 3}
    rest = await db.write(queue.claim, NOW, 1000, turns)
    while not turns.done:
        rest += await db.write(queue.claim, NOW, 1000, turns)
    assert len(rest) == 60


async def test_a_single_mail_does_not_wait_behind_a_batch(db: Db) -> None:
    await fill(db, "a", 0, 1, size=300)
    await fill(db, "a", 1000, 1, due=NOW + 5)
    claimed = await db.write(queue.claim, NOW + 5, 10)
    assert [item.id for item in claimed if item.lane == 0] == [1000]
    assert len(claimed) == 10


async def test_a_batch_keeps_moving_beside_many_single_mails(db: Db) -> None:
    await fill(db, "a", 0, 100)
    await fill(db, "b", 1000, 1, size=100)
    claimed = await db.write(queue.claim, NOW, 40)
    assert sum(item.lane == 1 for item in claimed) == 10


async def test_parked_rows_are_out_of_the_way(filled: Db) -> None:
    await fill(filled, "b", 100, 2)
    turns = queue.Turns()
    claimed = await filled.write(queue.claim, NOW, 100, turns)
    await filled.write(queue.park, claimed, "mx.example.com")
    assert not await filled.read(queue.any_due, NOW + SECOND)
    assert await filled.write(queue.claim, NOW + SECOND, 100, turns) == []
    assert await filled.read(queue.parked_sites, "", 10) == ["mx.example.com"]
    assert await filled.read(queue.parked_sites, "mx.example.com", 10) == []
    assert await filled.write(queue.claim_parked, NOW, "other", 10, queue.Turns()) == []
    first = await filled.write(queue.claim_parked, NOW, "mx.example.com", 4, turns)
    assert sorted(item.account_id for item in first) == ["a", "a", "b", "b"]
    rest = await filled.write(queue.claim_parked, NOW, "mx.example.com", 100, turns)
    assert len(first + rest) == 12
    assert await filled.read(queue.parked_sites, "", 10) == []


async def test_parked_rows_can_be_given_up_and_purged(filled: Db) -> None:
    claimed = await filled.write(queue.claim, NOW, 100)
    await filled.write(queue.park, claimed, "mx.example.com")
    assert await filled.write(queue.claim_ended, NOW + 99 * SECOND, 4) == []
    ended = await filled.write(queue.claim_ended, NOW + 100 * SECOND, 4)
    assert len(ended) == 4
    assert await filled.write(queue.finish, ended[0])
    assert await filled.write(queue.purge, "d") == 6


async def test_what_may_have_arrived_stays_marked(filled: Db) -> None:
    lost, crashed, plain = await filled.write(queue.claim, NOW, 3)
    assert await filled.write(queue.start, crashed, NOW)
    later = NOW + SECOND
    assert await filled.write(queue.defer, lost, due_at=later, attempts=1, code=499, ambiguous=True)
    assert await filled.write(queue.defer, plain, due_at=later, attempts=1, code=450)
    await filled.write(queue.release_all, later, 0)
    claimed = {item.id: item for item in await filled.write(queue.claim, later, 100)}
    assert [claimed[item.id].ambiguous for item in (lost, crashed, plain)] == [1, 1, 0]
    assert await filled.write(queue.defer, claimed[lost.id], due_at=later, attempts=2, code=450)
    (again,) = await filled.write(queue.claim, later, 100)
    assert again.ambiguous == 1


async def test_given_back_rows_keep_their_attempts(filled: Db) -> None:
    claimed = await filled.write(queue.claim, NOW, 10)
    await filled.write(queue.give_back, claimed, NOW + SECOND)
    assert await filled.write(queue.claim, NOW, 10) == []
    again = await filled.write(queue.claim, NOW + SECOND, 10)
    assert [item.attempts for item in again] == [0] * 10
    await filled.write(queue.give_back, claimed, NOW)  # a stale token moves nothing
    assert await filled.write(queue.claim, NOW + SECOND, 10) == []


async def test_of_two_workers_each_row_is_finished_by_one_and_a_stale_lease_finishes_nothing(
    db: Db, store_url: str, tmp_path: Path
) -> None:
    """Scenario 7 of delivery-engineering.md section 10."""
    await fill(db, "a", 0, 10, 1000)
    stale = await db.write(queue.claim, NOW, 50)
    later = NOW + (queue.LEASE_SECONDS + 1) * SECOND
    assert (await db.write(queue.recover, later, 900)).count == 50
    now = later + 3600 * SECOND
    other = open_db(store_url, tmp_path)

    def take(tx: Write) -> list[int]:
        items = queue.claim(tx, now, 100)
        assert all(queue.start(tx, item, now) for item in items)
        return [item.id for item in items if queue.finish(tx, item)]

    async def work(mine: Db) -> list[int]:
        done: list[int] = []
        while some := await mine.write(take):
            done += some
            if stale:
                assert not await mine.write(queue.finish, stale.pop())
        return done

    first, second = await asyncio.gather(work(db), work(other))
    await other.close()
    assert sorted(first + second) == list(range(10_000))  # all, and none by both
    assert first and second and not stale
    assert await rows(db) == 0
