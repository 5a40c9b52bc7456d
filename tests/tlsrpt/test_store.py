"""Counts and reports in the store, on both databases."""

from postwright.kernel.db import Db
from postwright.tlsrpt import Outcome, Policy, store
from postwright.tlsrpt.records import Count

NONE = "no-policy-found"


def count(day: int, domain: str, failure: str = "", sessions: int = 1) -> Count:
    return Count(day, Policy(domain, NONE), Outcome(failure), sessions)


async def test_each_domain_and_day_is_reported_by_one_process(db: Db) -> None:
    await db.write(
        store.add, [count(5, "b.test"), count(5, "a.test"), count(6, "a.test"), count(1, "z.test")]
    )
    planned = sorted(await db.read(store.unplanned, 3, 6, 10))
    assert planned == [(5, "a.test"), (5, "b.test")]
    await db.write(store.plan, [(day, domain, 100) for day, domain in planned])
    await db.write(store.plan, [(5, "a.test", 900)])  # stays as it is
    assert await db.read(store.unplanned, 3, 6, 10) == []
    assert await db.write(store.claim, 99, 200, 10) == []
    taken = await db.write(store.claim, 100, 200, 10)
    assert sorted(report.domain for report in taken) == ["a.test", "b.test"]
    assert await db.write(store.claim, 199, 300, 10) == []  # somebody has them
    again = await db.write(store.claim, 200, 300, 10)
    assert {report.attempts for report in again} == {2}
    # Whoever took too long settles nothing.
    assert not await db.write(store.settle, taken[0], "sent", ["x"], "")
    assert await db.write(store.settle, again[0], "waiting", ["https://x"], "no answer")
    (third,) = (r for r in await db.write(store.claim, 300, 400, 10) if r.domain == again[0].domain)
    assert third.done == ("https://x",)
    assert await db.write(store.settle, third, "sent", ["https://x"], "")
    assert [r.domain for r in await db.write(store.claim, 500, 600, 10)] == [again[1].domain]


async def test_days_are_listed_newest_first(db: Db) -> None:
    await db.write(
        store.add,
        [count(d, n) for d in (5, 6) for n in ("a.test", "b.test", "c.test")]
        + [count(6, "b.test", "validation-failure", 4)],
    )
    everything = {"domain": "", "low": 0, "high": 99, "failed": False}
    rows = await db.read(store.page, None, 4, **everything)
    assert [(row.day, row.domain) for row in rows] == [
        (6, "a.test"),
        (6, "b.test"),
        (6, "c.test"),
        (5, "a.test"),
    ]
    assert (int(rows[1].sessions), int(rows[1].failures), rows[1].state) == (5, 4, None)
    rows = await db.read(store.page, (5, "a.test"), 4, **everything)
    assert [(row.day, row.domain) for row in rows] == [(5, "b.test"), (5, "c.test")]
    rows = await db.read(store.page, None, 9, **(everything | {"failed": True}))
    assert [(row.day, row.domain) for row in rows] == [(6, "b.test")]
    rows = await db.read(store.page, None, 9, **(everything | {"domain": "c.test", "high": 5}))
    assert [(row.day, row.domain) for row in rows] == [(5, "c.test")]
    await db.write(store.expire, 6)
    rows = await db.read(store.page, None, 9, **everything)
    assert {row.day for row in rows} == {6}
