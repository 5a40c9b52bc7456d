"""The cache: never older than it says, one reading at a time, bounded."""

import asyncio

import pytest

from postwright.accounts import Fresh


class Source:
    """Values to read, and how often they were read."""

    def __init__(self) -> None:
        self.now = 100.0
        self.values = {"a": 1}
        self.reads = 0
        self.gate: asyncio.Event | None = None

    async def load(self, key: str) -> int | None:
        self.reads += 1
        value = self.values.get(key)  # what a snapshot would see
        if self.gate:
            await self.gate.wait()
        return value

    async def reading(self, count: int) -> None:
        """Wait until that many readings have begun."""
        for _ in range(100):
            if self.reads < count:
                await asyncio.sleep(0)
        assert self.reads == count

    def fresh(self, size: int = 100) -> Fresh[str, int]:
        return Fresh(self.load, life=1.0, size=size, timer=lambda: self.now)


async def test_a_value_is_read_once_in_its_life_and_again_after() -> None:
    source = Source()
    fresh = source.fresh()
    assert [await fresh.get("a") for _ in range(5)] == [1] * 5
    source.values["a"] = 2
    source.now += 0.999
    assert (await fresh.get("a"), source.reads) == (1, 1)
    source.now += 0.001
    assert (await fresh.get("a"), source.reads) == (2, 2)


async def test_what_is_gone_is_gone_and_what_was_missing_is_found_at_once() -> None:
    source = Source()
    fresh = source.fresh()
    assert await fresh.get("b") is None
    source.values["b"] = 7
    assert await fresh.get("b") == 7
    del source.values["b"]
    source.now += 1
    assert await fresh.get("b") is None
    assert await fresh.get("b") is None
    assert source.reads == 4


async def test_those_who_miss_together_share_one_reading() -> None:
    source = Source()
    source.gate = asyncio.Event()
    fresh = source.fresh()
    callers = [asyncio.create_task(fresh.get("a")) for _ in range(20)]
    await source.reading(1)
    callers[0].cancel()  # must not take the answer from the others
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*callers[1:]) == [1] * 19
    assert source.reads == 1


async def test_a_reading_that_began_too_long_ago_is_not_joined() -> None:
    source = Source()
    source.gate = asyncio.Event()
    fresh = source.fresh()
    early = asyncio.create_task(fresh.get("a"))
    await source.reading(1)
    source.values["a"] = 2
    source.now += 1
    late = asyncio.create_task(fresh.get("a"))
    await source.reading(2)
    source.gate.set()
    assert (await early, await late) == (1, 2)
    assert await fresh.get("a") == 2
    assert source.reads == 2


async def test_what_is_being_read_while_all_is_cleared_is_not_kept() -> None:
    source = Source()
    source.gate = asyncio.Event()
    fresh = source.fresh()
    early = asyncio.create_task(fresh.get("a"))
    await source.reading(1)
    del source.values["a"]
    fresh.clear()
    source.gate.set()
    assert await early == 1
    assert await fresh.get("a") is None


async def test_a_failed_reading_reaches_its_callers_and_is_not_kept() -> None:
    failing = True

    async def load(key: str) -> int | None:
        if failing:
            raise ConnectionError("gone")
        return 5

    fresh: Fresh[str, int] = Fresh(load)
    with pytest.raises(ConnectionError):
        await fresh.get("a")
    failing = False
    assert await fresh.get("a") == 5


async def test_it_holds_no_more_than_its_size() -> None:
    source = Source()
    source.values = {str(n): n for n in range(50)}
    fresh = source.fresh(size=10)
    for n in range(50):
        assert await fresh.get(str(n)) == n
    assert len(fresh._held) == 10
    assert not fresh._loading
    assert (await fresh.get("49"), source.reads) == (49, 50)
    assert (await fresh.get("0"), source.reads) == (0, 51)
