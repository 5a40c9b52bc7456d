"""Leases: one holder at a time, and nothing is lost with a holder."""

import asyncio

import pytest
from sqlalchemy import func, select

from postwright import queue
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
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
    assert await filled.write(queue.recover, later, 900) == 1
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
    assert await filled.write(queue.recover, later, 900) == 2
    soon = {i.id: i for i in await filled.write(queue.claim, later + 300 * SECOND, 10)}
    assert soon[item.id].attempts == 0
    # An attempt had begun: the receiver may have the message, so the wait is longer.
    assert begun.id not in soon
    late = await filled.write(queue.claim, later + 900 * SECOND, 10)
    assert [i.id for i in late] == [begun.id]


async def test_release_all_frees_unbegun_leases_at_once(filled: Db) -> None:
    items = await filled.write(queue.claim, NOW, 10)
    await filled.write(queue.start, items[0], NOW)
    assert await filled.write(queue.release_all, NOW, 15.0) == 10
    assert len(await filled.write(queue.claim, NOW, 100)) == 9
    assert len(await filled.write(queue.claim, NOW + 15 * SECOND, 100)) == 1


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
