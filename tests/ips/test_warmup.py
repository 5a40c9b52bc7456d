"""Warm-up: caps that hold, days that are judged, a plan of 28 days."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from postwright.ips import Quota, Timers, warmup
from postwright.ips.records import Figures
from postwright.ips.store import reputations, warmups
from postwright.kernel.clock import SECOND
from postwright.kernel.settings import load
from tests.world import World

from .conftest import IPS, SHARED, child

DAY = 86400


async def start(api: World, ip: str = IPS[0]) -> None:
    assert await api.ok("POST", f"/v3/ip_warmups/{ip}") == {"message": "success"}


async def details(api: World, ip: str = IPS[0]) -> Any:
    return (await api.ok("GET", f"/v3/ip_warmups/{ip}"))["details"]


def test_the_plan_rises_evenly_to_the_28th_day() -> None:
    plan = warmup.limits()
    assert len(plan) == 28
    assert (plan[0], plan[2], plan[13], plan[27]) == (200, 500, 12_000, 200_000)
    assert all(low < high < low * 2 for low, high in pairwise(plan))


async def test_the_state_of_a_plan(api: World) -> None:
    await start(api)
    shown = await details(api)
    assert shown["stage"] == shown["stage_number"] == 1
    assert (shown["stage_limit"], shown["hourly_limit"], shown["total_stages"]) == (200, 20, 28)
    assert (shown["sent_within_stage"], shown["throttle"], shown["stage_history"]) == ("0%", 100, [])
    assert shown["plan_started_at"].endswith("Z")
    plan = await api.ok("GET", f"/postwright/v1/ip_warmups/{IPS[0]}/plan")
    assert (plan["ip"], plan["stage_number"], plan["limits"][0], plan["limits"][-1]) == (
        IPS[0],
        1,
        200,
        200_000,
    )
    assert plan["limits"] == sorted(plan["limits"]) and len(plan["limits"]) == 28
    stranger = await api.call("GET", f"/postwright/v1/ip_warmups/{IPS[0]}/plan", key=api.two.key)
    assert stranger.status_code == 404
    listed = await api.ok("GET", "/v3/ip_warmups")
    assert listed["items"][0]["ip"] == IPS[0]
    assert listed["items"][0]["stage_volume_limit"] == 200
    assert (await api.ok("GET", "/v3/ips"))["details"][0] == {"ip": IPS[0], "is_on_warmup": True}
    assert IPS[0] not in (await api.ok("GET", "/v3/ips"))["assignable_to_pools"]
    answer = await api.call("POST", "/v3/ip_pools", data={"name": "p", "description": "", "ip": IPS[0]})
    assert answer.json() == {"message": f"IP {IPS[0]} is being warmed up and can't be added to an IP pool"}
    assert (await api.call("POST", f"/v3/ip_warmups/{IPS[0]}")).status_code == 400
    assert await api.ok("DELETE", f"/v3/ip_warmups/{IPS[0]}") == {"message": "success"}
    for method in ("GET", "DELETE"):
        answer = await api.call(method, f"/v3/ip_warmups/{IPS[0]}")
        assert (answer.status_code, answer.json()) == (404, {"message": "no warmup in progress for this IP"})


async def test_who_may(api: World) -> None:
    for ip, key, status in ((SHARED, None, 400), ("192.0.2.99", None, 404), (IPS[0], api.two.key, 404)):
        assert (await api.call("POST", f"/v3/ip_warmups/{ip}", key=key)).status_code == status
    kid, key = child(api)
    await api.ok("PUT", f"/v5/accounts/subaccounts/{kid}/ip", data={"ip": IPS[0]})
    assert (await api.call("POST", f"/v3/ip_warmups/{IPS[0]}", key=key)).status_code == 400


async def test_pages(api: World) -> None:
    for ip in IPS[:3]:
        await start(api, ip)
    page = await api.ok("GET", "/v3/ip_warmups", params={"limit": 2})
    assert [item["ip"] for item in page["items"]] == IPS[:2]
    page = await api.ok("GET", page["paging"]["next"])
    assert [item["ip"] for item in page["items"]] == [IPS[2]]
    assert (await api.ok("GET", page["paging"]["next"]))["items"] == []
    page = await api.ok("GET", page["paging"]["previous"])
    assert [item["ip"] for item in page["items"]] == IPS[:2]


async def take_all(quotas: list[Quota], provider: str = "") -> int:
    """Take rights with all quotas at once until none gives any."""

    async def one(quota: Quota) -> int:
        count = 0
        while await quota.take(IPS[0], provider) is not None:
            count += 1
        return count

    return sum(await asyncio.gather(*(one(quota) for quota in quotas for _ in range(3))))


async def test_caps_hold_exactly_whoever_takes(api: World) -> None:
    await start(api)
    quotas = [Quota(api.db, api.clock, "100,100") for _ in range(4)]
    assert await take_all(quotas) == 10  # an hour's part of 100
    assert (await details(api))["throttle"] == 50  # our own plan has 20 an hour
    sent = 10
    for _ in range(20):
        api.clock.advance(3600)
        sent += await take_all(quotas)
    assert sent == 100
    api.clock.advance(4 * 3600)  # the next day
    assert await take_all(quotas) == 10


async def test_a_provider_has_two_fifths(api: World) -> None:
    await start(api)
    quotas = [Quota(api.db, api.clock, "100") for _ in range(2)]
    assert await take_all(quotas, "google") == 4
    assert await take_all(quotas, "yahoo") == 4
    assert await take_all(quotas, "") == 2


async def test_what_is_not_used_comes_back(api: World) -> None:
    await start(api)
    first, second = Quota(api.db, api.clock, "1000"), Quota(api.db, api.clock, "1000")
    back = await first.take(IPS[0], "google")
    assert back is not None
    back()
    await first.give_back(all=True)
    assert (await details(api))["sent_within_stage"] == "0%"
    assert await take_all([second]) == 100


async def figures(api: World, **counts: int) -> None:
    """What came of mail in the hour that it is."""
    hour = api.clock.now() - api.clock.now() % (3600 * SECOND)
    await api.db.write(reputations.add, {(f"ip:{IPS[0]}", hour + 3600 * SECOND): Figures(**counts)})


@pytest.mark.parametrize(
    ("counts", "sent", "step", "held"),
    [
        ({"processed": 200}, 200, 1, ""),
        ({"processed": 200}, 139, 0, "139 of 200 messages were sent"),
        ({"processed": 200, "bounced": 5}, 200, 1, ""),
        ({"processed": 200, "bounced": 6}, 200, 0, "hard bounces: 6 of 200"),
        ({"processed": 200, "bounced": 13}, 200, -2, "hard bounces: 13 of 200"),
        ({"processed": 2000, "complained": 2}, 2000, 0, "complaints: 2 of 2000"),
        ({"processed": 200, "complained": 1}, 200, 1, ""),
        ({"processed": 95, "blocked": 5}, 200, 0, "blocks: 5 of 100"),
    ],
)
def test_a_day_is_judged(counts: dict[str, int], sent: int, step: int, held: str) -> None:
    assert warmup.judge(Figures(**counts), sent, 200 if sent <= 200 else sent) == (held, step)


async def test_twenty_eight_good_days_and_it_is_warm(api: World) -> None:
    await start(api)
    quota = Quota(api.db, api.clock)
    timers = Timers(load({}), api.db, api.clock)
    plan = warmup.limits()
    for day in range(1, 29):
        shown = await details(api)
        assert (shown["stage"], shown["stage_limit"]) == (day, plan[day - 1])
        assert len(shown["stage_history"]) == day - 1
        # What the senders of a day take is one row; taking 200,000 rights one by one shows nothing more.
        await api.db.write(warmups.set_plan, IPS[0], {"day_sent": plan[day - 1], "sent": sum(plan[:day])})
        await figures(api, processed=plan[day - 1], bounced=plan[day - 1] // 100)
        assert await quota.take(IPS[0], "") is None
        api.clock.advance(DAY)
        await timers.run_once()
    assert (await api.call("GET", f"/v3/ip_warmups/{IPS[0]}")).status_code == 404
    assert await quota.take(IPS[0], "") is not None
    assert IPS[0] in (await api.ok("GET", "/v3/ips"))["assignable_to_pools"]


async def test_bad_days_hold_and_step_back(api: World) -> None:
    await start(api)
    timers = Timers(load({}), api.db, api.clock)
    for counts, stage in (
        ({}, 2),
        ({}, 3),
        ({}, 4),
        ({"bounced": 10}, 4),  # of 317 at 3 %
        ({"bounced": 200}, 2),
        ({"complained": 100}, 1),
    ):
        limit = (await details(api))["stage_limit"]
        await api.db.write(warmups.set_plan, IPS[0], {"day_sent": limit})
        bounced = {"bounced": limit * 4 // 100} if counts == {"bounced": 10} else counts
        await figures(api, processed=limit, **bounced)
        api.clock.advance(DAY)
        await timers.run_once()
        shown = await details(api)
        assert shown["stage"] == stage, shown
        assert bool(shown["held"]) == bool(counts)
    api.clock.advance(40 * DAY)
    await timers.run_once()
    assert (await details(api))["held"] == "nothing was sent for 30 days"
