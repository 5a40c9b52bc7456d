"""How long events are kept: the installation, the plan, the domain."""

from typing import Any

from postwright import events
from postwright.kernel.db import Db
from tests.analytics.conftest import DAY, START, Stage
from tests.analytics.test_logs import numbers, told

ALWAYS = {"start": "2026-06-01", "end": "2027-06-01"}


async def put(stage: Stage, path: str, days: int, **more: Any) -> Any:
    return await stage.api.call("PUT", f"/postwright/v1/{path}", json={"days": days}, **more)


async def seen(stage: Stage, **more: Any) -> list[int]:
    answer = await stage.api.ok("POST", "/v1/analytics/logs", json=ALWAYS | more)
    return numbers(answer)


async def test_a_domain_keeps_less(stage: Stage) -> None:
    two = stage.api.two
    for n, days in enumerate((100, 20, 3, 0)):
        await stage.happen(START - days * DAY, told(n))
        await stage.happen(START - days * DAY, told(10 + n), tenant=two)
        if n < 2:
            await stage.sealer.seal()
    assert await seen(stage) == [3, 2, 1, 0]
    answer = await put(stage, "domains/{d}/retention", 5)
    assert (answer.status_code, answer.json()) == (200, {"days": 5, "most": 365})
    # At once nobody sees more: not logs, not figures, not SQL.
    assert await seen(stage) == [3, 2]
    found = await stage.metrics(**ALWAYS, metrics=["delivered_count"])
    assert found["items"][0]["metrics"] == {"delivered_count": 2}
    answer = await stage.api.ok(
        "POST", "/postwright/v1/analytics/sql", json={"query": "SELECT count(*) FROM events"}
    )
    assert answer["rows"] == [[2]]
    assert await stage.api.ok("GET", "/postwright/v1/domains/{d}/retention") == {"days": 5, "most": 365}
    # Then they are gone, and only they.
    while await stage.sealer.seal():
        pass
    await stage.sealer.upkeep()
    await put(stage, "domains/{d}/retention", 0)
    assert await seen(stage) == [3, 2]
    theirs = await stage.api.ok("POST", "/v1/analytics/logs", json=ALWAYS, key=two.key)
    assert numbers(theirs) == [13, 12, 11, 10]
    kept = await stage.api.db.read(events.read, 0, 100)
    # The log keeps what the table keeps, but no longer than its own time.
    assert [each.at for each in kept] == [START - 20 * DAY, *[START - 3 * DAY] * 2, *[START] * 2]


async def test_plans(stage: Stage) -> None:
    child = stage.child("child.example.com")
    await stage.happen(START - 50 * DAY, told(1), tenant=child)
    await stage.happen(START - 50 * DAY, told(2), tenant=stage.api.two)
    await stage.happen(START - 50 * DAY, told(3))
    one, two = stage.api.one, stage.api.two
    every = {"include_subaccounts": True}
    assert await seen(stage, **every) == [3, 1]
    path = f"accounts/{two.account_id}/retention"
    assert (await put(stage, path, 30)).json() == {"days": 30, "most": 365}
    assert (await stage.api.ok("POST", "/v1/analytics/logs", json=ALWAYS, key=two.key))["items"] == []
    assert await stage.api.ok("GET", "/postwright/v1/retention", key=two.key) == {"days": 30, "most": 365}
    # A domain cannot have more than the plan; whoever is given a plan cannot change it.
    answer = await put(stage, f"domains/{two.domain}/retention", 31, key=two.key)
    assert answer.status_code == 400 and "30" in answer.json()["message"]
    assert (await put(stage, path, 365, key=two.key)).status_code == 403
    assert (await put(stage, f"accounts/{one.account_id}/retention", 1, key=two.key)).status_code == 403
    assert (await put(stage, f"domains/{one.domain}/retention", 1, key=two.key)).status_code == 404
    assert (await put(stage, "accounts/" + "0" * 24 + "/retention", 5)).status_code == 404
    for days in (-1, 366):
        assert (await put(stage, path, days)).status_code == 400
    assert (await stage.api.call("PUT", f"/postwright/v1/{path}", json={"days": "x"})).status_code == 400
    # What holds above holds below.
    assert (await put(stage, f"accounts/{one.account_id}/retention", 40)).status_code == 200
    assert await seen(stage, **every) == []
    answer = await put(stage, f"accounts/{child.account_id}/retention", 41)
    assert answer.status_code == 400
    assert (await put(stage, f"accounts/{one.account_id}/retention", 0)).json() == {"days": 365, "most": 365}
    assert await seen(stage, **every) == [3, 1]


async def test_what_is_not_sealed_outlives_its_time(stage: Stage, db: Db) -> None:
    old = START - (stage.api.context.settings.event_retention_days + 1) * DAY
    await stage.happen(old, told(1))
    await stage.happen(START, told(2))
    await stage.sealer.upkeep()
    assert len(await db.read(events.read, 0, 10)) == 2
    await stage.sealer.seal()
    await stage.sealer.upkeep()
    assert [entry.at for entry in await db.read(events.read, 0, 10)] == [START]
    assert await seen(stage) == [2, 1]
