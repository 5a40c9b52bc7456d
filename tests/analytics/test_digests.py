"""Days that are over: in order, with what is kept beside their files; answers do not change by it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyarrow import parquet

from postwright.analytics import Sealer, digests
from postwright.analytics.upkeep import settle_apart
from tests.analytics.conftest import DAY, HOUR, START, Stage
from tests.analytics.test_logs import RANGE, numbers, told, where

FROM = {"start": "2027-01-01", "end": "2027-06-01"}


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "LARGE", 1)


def location(stage: Stage) -> Path:
    return Path(stage.api.context.settings.analytics_location)


def beside(stage: Stage) -> list[str]:
    return sorted(path.name for path in (location(stage) / "_digests").glob("*"))


async def seal_one_by_one(stage: Stage, *events: tuple[int, dict[str, Any]], tenant: Any = None) -> None:
    for at, event in events:
        await stage.happen(at, event, tenant=tenant)
        await stage.sealer.seal()


async def test_a_day_that_is_over_is_put_in_order(stage: Stage) -> None:
    two = stage.api.two
    for n in range(3):
        await seal_one_by_one(stage, (START + n * HOUR, told(n)))
        await seal_one_by_one(stage, (START + n * HOUR, told(n)), tenant=two)
    before = numbers(await stage.logs(**RANGE))
    stage.api.clock.advance(DAY / 1e6)
    await stage.sealer.upkeep()
    (file,) = DeltaTable(location(stage)).file_uris()
    rows = parquet.read_table(file.removeprefix("file://"), columns=["account_id", "ts"]).to_pylist()
    order = [(row["account_id"], row["ts"]) for row in rows]
    assert order == sorted(order) and len(order) == 6
    assert numbers(await stage.logs(**RANGE)) == before == [2, 1, 0]
    # Once is enough.
    version = DeltaTable(location(stage)).version()
    await stage.sealer.upkeep()
    assert DeltaTable(location(stage)).version() == version
    # A late event makes it worth another time, and what was kept beside the old file goes with it.
    names = beside(stage)
    assert len(names) == len(digests.SUMS) + 1
    await seal_one_by_one(stage, (START + DAY, told(9)))
    stage.api.clock.advance(DAY / 1e6)
    await stage.sealer.upkeep()
    assert set(names) & set(beside(stage)) == set(names)
    assert len(beside(stage)) == 2 * len(names)


async def test_a_process_of_its_own_does_the_same(stage: Stage) -> None:
    for n in range(3):
        await seal_one_by_one(stage, (START + n * HOUR, told(n)))
    stage.api.clock.advance(DAY / 1e6)
    apart = Sealer(stage.api.context.settings, stage.api.db, stage.api.clock, apart=True)
    await apart.upkeep()
    assert len(DeltaTable(location(stage)).file_uris()) == 1
    assert numbers(await stage.logs(**RANGE)) == [2, 1, 0]
    # Nothing to do: no process is started.
    version = DeltaTable(location(stage)).version()
    await apart.upkeep()
    assert DeltaTable(location(stage)).version() == version


async def test_a_stop_does_not_wait_for_it(stage: Stage) -> None:
    for n in range(3):
        await seal_one_by_one(stage, (START + n * HOUR, told(n)))
    stop = asyncio.Event()
    stop.set()
    began = time.monotonic()
    await settle_apart(stage.api.context.settings, START + 2 * DAY, stop)
    assert time.monotonic() - began < 5
    assert len(DeltaTable(location(stage)).file_uris()) == 3
    assert numbers(await stage.logs(**RANGE)) == [2, 1, 0]


async def test_figures_are_the_same_from_sums(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(4):
        more = {
            "recipient-domain": f"r{n % 2}.test",
            "tags": ["a", f"t{n % 2}"],
            "recipient-provider": "Gmail",
        }
        await seal_one_by_one(stage, (START + n * HOUR, told(n, **more)))
    await seal_one_by_one(stage, (START + 40 * HOUR, told(5)))
    queries: list[dict[str, Any]] = [
        {"dimensions": ["time", "domain"], "filter": where("recipient_provider", "=", "gmail")},
        {"dimensions": ["time", "tag"], "resolution": "hour"},
        {"dimensions": ["recipient_domain"], "filter": where("domain", "contains", "one")},
        {"dimensions": ["time", "recipient_domain"], "resolution": "hour"},
        {"dimensions": ["tag", "recipient_domain"]},
        {"dimensions": ["time"], "start": "2027-01-15 09:30:00 +0000", "end": "2027-01-15 10:10:00 +0000"}
        | {"resolution": "hour"},
    ]
    asked = [FROM | {"metrics": ["delivered_count"]} | query for query in queries]
    before = [await stage.metrics(**query) for query in asked]
    assert all(answer["items"] for answer in before)
    stage.api.clock.advance(3 * DAY / 1e6)
    await stage.sealer.upkeep()
    seen: list[str] = []
    real = digests.fitting
    monkeypatch.setattr(digests, "fitting", lambda *args: seen.append(real(*args)) or seen[-1])
    after = [await stage.metrics(**query) for query in asked]
    assert [answer["items"] for answer in after] == [answer["items"] for answer in before]
    assert seen == ["counts", "tags", "receivers", "", "", "counts"]


async def test_somebodys_events_are_found_wherever_they_lie(stage: Stage) -> None:
    two = stage.api.two
    for n in range(6):
        who = "Bob@x.test" if n % 2 else "eve@y.test"
        await seal_one_by_one(stage, (START + n * DAY, told(n, recipient=who)))
        await seal_one_by_one(stage, (START + n * DAY, told(100 + n, recipient=who)), tenant=two)
        if n == 3:
            stage.api.clock.advance(4 * DAY / 1e6)
            await (
                stage.sealer.upkeep()
            )  # the first four days are in order, one has a small file, one is not sealed
    await stage.happen(START + 6 * DAY, told(6, recipient="bob@X.test"), told(7, recipient="eve@y.test"))
    bob, both = where("recipient", "=", "BOB@x.test"), where("recipient", "=", "bob@x.test", "eve@y.test")
    assert numbers(await stage.logs(**FROM, filter=bob)) == [6, 5, 3, 1]
    assert numbers(await stage.logs(**FROM, filter=both)) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert numbers(await stage.logs(**FROM, filter=where("recipient", "=", "nobody@x.test"))) == []
    answer = await stage.logs(
        **FROM, filter=bob, include_totals=True, pagination={"limit": 2, "sort": "timestamp:asc"}
    )
    assert (numbers(answer), answer["aggregates"]["all"]) == ([1, 3], 4)
    following = await stage.logs(pagination={"token": answer["pagination"]["next"]})
    assert numbers(following) == [5, 6]
    back = await stage.logs(pagination={"token": following["pagination"]["previous"]})
    assert numbers(back) == [1, 3]


async def test_the_erased_are_in_nothing_that_is_kept(stage: Stage) -> None:
    for n in range(4):
        await seal_one_by_one(stage, (START + n * HOUR, told(n, recipient=f"bob{n % 2}@x.test")))
    stage.api.clock.advance(DAY / 1e6)
    await stage.sealer.upkeep()
    old = beside(stage)
    assert old
    proof = await stage.api.ok("POST", "/postwright/v1/erasure", json={"address": "bob1@x.test"})
    assert (proof["deleted"], proof["left"]) == (2, 0)
    assert beside(stage) == []
    assert numbers(await stage.logs(**RANGE)) == [2, 0]
    await stage.sealer.upkeep()
    assert beside(stage) and not set(beside(stage)) & set(old)
    assert numbers(await stage.logs(**RANGE, filter=where("recipient", "=", "bob0@x.test"))) == [2, 0]
    assert numbers(await stage.logs(**RANGE, filter=where("recipient", "=", "bob1@x.test"))) == []
