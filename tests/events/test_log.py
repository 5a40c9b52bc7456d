"""The log: order, cursors, exactly-once projections, expiry."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from postwright import events
from postwright.events.log import Entry
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, Write, open_db


def event(n: int, name: str = "delivered", severity: str = "") -> events.Event:
    return events.Event(
        name=name, severity=severity, account_id="a", domain_id="d", recipient=f"u{n}@x", data={"n": n}
    )


class Seen(events.Projection):
    name = "seen"
    replay = True

    def __init__(self, *, fail: bool = False) -> None:
        self.got: list[int] = []
        self.fail = fail

    def apply(self, tx: Write, entries: Sequence[Entry]) -> None:
        if self.fail:
            raise LookupError("no")
        self.got.extend(msgspec.json.decode(entry.data)["n"] for entry in entries)


async def test_wire_shape(db: Db) -> None:
    await db.write(events.append, 1_700_000_000_123_456, [event(1), event(2, "failed", "temporary")])
    first, second = await db.read(events.read, 0, 10)
    data = msgspec.json.decode(first.data)
    assert data["event"] == "delivered" and data["timestamp"] == 1_700_000_000.123456
    assert data["log-level"] == "info" and len(data["id"]) == 22 and "severity" not in data
    data = msgspec.json.decode(second.data)
    assert (data["severity"], data["log-level"]) == ("temporary", "warn")


async def test_time_follows_numbers(db: Db) -> None:
    # A process that read its clock early and came to its turn late.
    for n, now in enumerate((5_000_000, 3_000_000, 5_000_001, 1)):
        await db.write(events.append, now, [event(n)])
    entries = await db.read(events.read, 0, 10)
    assert [entry.at for entry in entries] == [5_000_000, 5_000_000, 5_000_001, 5_000_001]
    assert [msgspec.json.decode(entry.data)["timestamp"] for entry in entries] == [
        5.0,
        5.0,
        5.000001,
        5.000001,
    ]


async def test_numbers_follow_commits_from_many_processes(store_url: str, tmp_path: Path, db: Db) -> None:
    other = open_db(store_url, tmp_path)
    seen: list[int] = []
    at = 0

    async def reader() -> None:
        nonlocal at
        while len(seen) < 200:
            for entry in await db.read(events.read, at, 50):
                at = entry.seq
                seen.append(msgspec.json.decode(entry.data)["n"])
            await asyncio.sleep(0)

    async def writer(store: Db, start: int) -> None:
        for n in range(start, start + 100):
            await store.write(events.append, n, [event(n)])

    try:
        await asyncio.wait_for(asyncio.gather(reader(), writer(db, 0), writer(other, 1000)), 30)
    finally:
        await other.close()
    assert len(set(seen)) == 200  # every one, once: none appeared behind the cursor


async def test_a_projection_takes_each_event_once_even_after_failures(db: Db) -> None:
    seen = Seen()
    await seen.catch_up(db)
    await db.write(events.append, SECOND, [event(n) for n in range(700)])
    seen.fail = True
    with pytest.raises(LookupError):
        await seen.catch_up(db)
    seen.fail = False
    while await seen.catch_up(db):
        pass
    assert seen.got == list(range(700))
    assert await Seen().catch_up(db) == 0  # the cursor is in the store, not in the object


def large(n: int) -> events.Event:
    return events.Event(
        name="delivered", account_id="a", domain_id="d", recipient="u@x", data={"n": n, "to": "x" * 30_000}
    )


async def test_a_batch_is_bounded_by_bytes(db: Db) -> None:
    seen = Seen()
    await seen.catch_up(db)
    await db.write(events.append, SECOND, [large(n) for n in range(400)])
    (batch,) = await db.read(events.look, [seen])
    assert batch.is_full and 2 * 2**20 <= sum(len(entry.data) for entry in batch.entries) < 4 * 2**20
    while await seen.catch_up(db):
        pass
    assert seen.got == list(range(400))
    (batch,) = await db.read(events.look, [seen])
    assert not batch.is_full and not batch.entries
    assert len(await db.read(events.read, 0, 120, 2**40)) == 120


class Other(Seen):
    name = "other"


async def test_readers_that_are_equally_far_share_what_they_read(db: Db) -> None:
    seen, other, new = Seen(), Other(), Seen()
    new.name = "new"  # type: ignore[misc]
    for each in (seen, other):
        await each.catch_up(db)
    await db.write(events.append, SECOND, [event(n) for n in range(3)])
    first, second, third = await db.read(events.look, [seen, other, new])
    assert first is second and third.after is None
    await seen.take(db, first)
    await db.write(events.append, SECOND, [event(3)])
    # One stood still meanwhile: each reads on from where it is.
    first, second = await db.read(events.look, [seen, other])
    await seen.take(db, first)
    await other.take(db, second)
    assert seen.got == other.got == [0, 1, 2, 3]


async def test_expiry_deletes_the_old_and_numbers_do_not_return(db: Db) -> None:
    await db.write(events.append, 1, [event(1)])
    await db.write(events.append, 5, [event(2)])
    last = await db.read(events.head)
    # What nobody has copied yet stays, however old it is.
    assert await db.write(events.expire, 6, 0) == 0
    assert await db.write(events.expire, 6, last - 1) == 1
    assert await db.write(events.expire, 6, last) == 1
    await db.write(events.append, 9, [event(3)])
    (entry,) = await db.read(events.read, 0, 10)
    assert entry.seq > last


def test_webhook_types() -> None:
    assert events.webhook_type("failed", "permanent") == "permanent_fail"
    assert events.webhook_type("failed", "temporary") == "temporary_fail"
    assert events.webhook_type("opened", "") == "opened"
    assert events.webhook_type("stored", "") is None
