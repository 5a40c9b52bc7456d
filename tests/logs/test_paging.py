"""Walks over pages while events keep coming from two processes, against a list that everybody understands."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postwright.kernel.db import Db, open_db
from postwright.logs import query
from tests.logs.conftest import Log

SECOND = 1_000_000
MATCHING = "NOT opened"  # every third event is opened


class Writers:
    """Two processes with clocks that differ, which append now and then."""

    def __init__(self, log: Log, other: Db, seed: int) -> None:
        self._log, self._dbs = log, (log.api.db, other)
        self._random = random.Random(seed)
        self.all: list[int] = []  # numbers in the order of commits

    async def burst(self, count: int) -> None:
        """Append some, with times that jump about."""
        for _ in range(count):
            numbers = range(len(self.all), len(self.all) + self._random.choice((1, 1, 2, 7)))
            at = self._log.api.clock.now() + self._random.randint(-3, 3) * SECOND
            db = self._random.choice(self._dbs)
            for n in numbers:
                self.all.append(n)
            await self._log.happen(*[n for n in numbers if n % 3], at=at, db=db)
            await self._log.happen(*[n for n in numbers if not n % 3], at=at, db=db, name="opened")
            await self._log.happen(1_000_000, at=at, db=db, tenant=self._log.api.two)

    @property
    def matching(self) -> list[int]:
        """What the filter lets through, in the order of the log: within one append the opened ones come last."""
        return [n for n in self.all if n % 3]


@pytest.fixture
async def writers(log: Log, store_url: str, tmp_path: Path) -> Any:
    other = open_db(store_url, tmp_path)
    yield lambda seed: Writers(log, other, seed)
    await other.close()


@pytest.mark.parametrize("seed", range(4))
async def test_a_poller_sees_each_event_once(log: Log, writers: Any, seed: int) -> None:
    made = writers(seed)
    query = {"ascending": "yes", "limit": 3, "event": MATCHING}
    seen, links = await log.get("/v3/{d}/events", params=query)
    dice = random.Random(seed)
    for _ in range(60):
        if dice.random() < 0.5:
            await made.burst(dice.randint(1, 3))
        numbers, links = await log.get(links["next"])
        seen += numbers
        assert len(numbers) <= 3
    while True:
        numbers, links = await log.get(links["next"])
        if not numbers:
            break
        seen += numbers
    assert seen == made.matching and len(seen) > 50


@pytest.mark.parametrize("ascending", ["yes", "no"])
async def test_back_and_forth(log: Log, writers: Any, ascending: str) -> None:
    made = writers(1)
    await made.burst(20)
    expected = made.matching if ascending == "yes" else made.matching[::-1]
    size = 7
    query = {"ascending": ascending, "limit": size, "event": MATCHING}
    page, links = await log.get("/v3/{d}/events", params=query)
    forth = []
    while page:
        forth.append(page)
        page, links = await log.get(links["next"])
    assert forth == [expected[at : at + size] for at in range(0, len(expected), size)]
    back = []
    page, links = await log.get(links["previous"])
    while page:
        back.append(page)
        page, links = await log.get(links["previous"])
    flat = [n for page in reversed(back) for n in page]
    assert flat == expected and all(len(page) == size for page in back[:-1])
    # From before the beginning, forth again; and the two ends by their own links.
    assert (await log.get(links["next"]))[0] == (await log.get(links["first"]))[0] == expected[:size]
    last, links = await log.get(links["last"])
    assert last == expected[-size:]
    assert (await log.get(links["previous"]))[0] == expected[-2 * size : -size]
    assert (await log.get(links["next"]))[0] == []


async def test_an_empty_log_can_be_waited_at(log: Log, writers: Any) -> None:
    page, links = await log.get("/v3/{d}/events", params={"ascending": "yes"})
    assert page == []
    for name in ("first", "next", "previous", "last"):
        assert (await log.get(links[name]))[0] == []
    made = writers(2)
    await made.burst(3)
    assert (await log.get(links["next"]))[0] == (await log.get(links["first"]))[0]
    assert sorted((await log.get(links["next"]))[0]) == made.all


async def test_a_closed_range_stays_closed(log: Log) -> None:
    start = log.api.clock.now() // SECOND
    for n in range(4):
        await log.happen(n, at=(start + n) * SECOND)
    query = {"begin": start, "end": start + 3, "limit": 2}
    page, links = await log.get("/v3/{d}/events", params=query)
    await log.happen(9, at=(start + 9) * SECOND)
    walked = page
    while page:
        page, links = await log.get(links["next"])
        walked = walked + page
    assert walked == [0, 1, 2, 3]


async def test_a_search_that_finds_nothing_ends(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "BATCH", 10)
    monkeypatch.setattr(query, "MAX_SCANNED", 50)
    await log.happen(*range(175))
    answer = await log.api.call("GET", "/v3/{d}/events", params={"n": "nothing"})
    message = "No match among 50 events: choose a shorter time between 'begin' and 'end'"
    assert (answer.status_code, answer.json()) == (400, {"message": message})
    # What was found is given, and the next page begins where this one stopped looking.
    page, links = await log.get("/v3/{d}/events", params={"ascending": "yes", "n": "5 OR 60 OR 61 OR 140"})
    walked = [page]
    for _ in range(3):
        page, links = await log.get(links["next"])
        walked.append(page)
    assert walked == [[5], [60, 61], [140], []]
    assert (await log.get(links["previous"]))[0] == [140]


STEPS = st.lists(st.sampled_from(["next", "previous", "first", "last", "append"]), max_size=12)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, ascending=st.booleans(), size=st.integers(1, 4))
async def test_any_walk(log: Log, steps: list[str], ascending: bool, size: int) -> None:
    """A reader is at a place between two events of a list; new ones come at the newer end."""
    events = list(reversed(await log.find(limit=300)))
    query = {"ascending": "yes" if ascending else "no", "limit": size}
    page, links = await log.get("/v3/{d}/events", params=query)

    def ordered() -> list[int]:
        return events if ascending else events[::-1]

    # Where the reader is: around a page, behind an event (nothing was there), or before one.
    first: int | None = None
    last: int | None = None
    behind = before = False
    for step in ["first", *steps]:
        if step == "append":
            events.append(len(events))
            await log.happen(events[-1])
            continue
        page, links = await log.get(links[step])
        now = ordered()
        start = now.index(first) if first is not None else 0
        end = now.index(last) + 1 if last is not None else 0
        if step == "first" or (step == "next" and (before or last is None)):
            expected = now[:size]
        elif step == "last" or (step == "previous" and first is None):
            expected = now[max(len(now) - size, 0) :]
        elif step == "next":
            expected = now[end : end + size]
        else:
            stop = end if behind else start
            expected = now[max(stop - size, 0) : stop]
        assert page == expected
        if page:
            first, last, behind, before = page[0], page[-1], False, False
        else:
            behind, before = step == "next", step == "previous"
