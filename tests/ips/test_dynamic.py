"""Dynamic pools: rules, health checks, history, overrides."""

import asyncio
from typing import Any

import pytest

from postwright import ips
from postwright.ips import Timers
from postwright.ips.health import Band, judge, place
from postwright.ips.records import Figures
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from postwright.kernel.settings import load
from tests.world import World

from .conftest import (
    FREE,
    GOOD,
    HOUR,
    IPS,
    NEW,
    POOLS,
    POOR,
    SHARED,
    SPARE,
    child,
    counted,
    domain_id_of,
    enrol,
    refused,
    set_up,
)

DAY = 86400


async def check(api: World, hours: int = 1) -> None:
    """Let hours pass, with what is due by the clock."""
    for _ in range(hours):
        api.clock.advance(HOUR)
        await Timers(load({}), api.db, api.clock).run_once()


async def state(api: World) -> tuple[str, list[str]]:
    """The pool of the domain, and what it sends from."""
    (item,) = (await api.ok("GET", "/v1/dynamic_pools/domains"))["items"]
    book = ips.Book(api.db)
    await book.refresh()
    choice = book.choice(api.one.account_id, item["id"])
    assert list(choice.first) == (await api.ok("GET", "/v3/domains/{d}/ips"))["items"]
    return item["pool"], list(choice.first)


# -- figures


@pytest.mark.parametrize(
    ("day", "month", "band", "reason"),
    [
        ({}, {}, "dynamic_new", "processed_count in new threshold"),
        ({}, {"processed": 499}, "dynamic_new", "processed_count in new threshold"),
        ({}, {"processed": 500}, "dynamic_good", "Multiple metrics in good threshold"),
        ({}, {"processed": 1000, "bounced": 50}, "dynamic_good", "Multiple metrics in good threshold"),
        ({}, {"processed": 1000, "bounced": 51}, "dynamic_poor", "bounce_rate in poor threshold"),
        ({}, {"processed": 30, "bounced": 24}, "dynamic_new", "processed_count in new threshold"),
        ({}, {"processed": 30, "bounced": 25}, "dynamic_poor", "bounce_rate in poor threshold"),
        ({}, {"processed": 600, "complained": 1}, "dynamic_good", "Multiple metrics in good threshold"),
        ({}, {"processed": 600, "complained": 2}, "dynamic_poor", "complaint_rate in poor threshold"),
        ({}, {"processed": 1000, "blocked": 40}, "dynamic_poor", "block_rate in poor threshold"),
        (
            {"processed": 500, "bounced": 100},
            {"processed": 100_000, "bounced": 100},
            "dynamic_poor",
            "bounce_rate in poor threshold",
        ),
    ],
)
def test_the_worst_metric_decides(day: dict[str, int], month: dict[str, int], band: str, reason: str) -> None:
    found = judge(Figures(**day), Figures(**month))
    assert (found.band, found.reason(found.band)) == (band, reason)


def test_where_a_domain_stays_though_its_figures_changed() -> None:
    good, few, none = (judge(Figures(), Figures(processed=n)) for n in (500, 10, 0))
    week = 7 * DAY * SECOND
    assert place(good, Band.POOR, 1, week) is Band.POOR
    assert place(good, Band.POOR, 0, week) is Band.GOOD
    assert place(few, Band.GOOD, 0, week) is Band.GOOD
    assert place(none, Band.GOOD, 0, week) is Band.NEW


# -- pools


async def test_set_up_changed_and_taken_apart(api: World) -> None:
    empty = await api.ok("GET", "/v3/dynamic_pools")
    assert empty == {"pools": [], "good_reputation": [], "poor_reputation": [], "new_senders": []}
    assert await refused(api, "PATCH", "/v3/dynamic_pools/dynamic_good", data={"add_ip": GOOD}) == (
        404,
        "dynamic IP pools are not set up: POST /v3/dynamic_pools/all first",
    )
    fields = POOLS | {"good_reputation": [GOOD, SPARE]}
    made = await api.ok("POST", "/v3/dynamic_pools/all", data=fields)
    assert made["good_reputation"] == [GOOD, SPARE]
    assert (made["poor_reputation"], made["new_senders"]) == ([POOR], [NEW])
    shown = await api.ok("GET", "/v3/dynamic_pools")
    assert [(pool["name"], pool["ips"], pool["enabled"]) for pool in shown["pools"]] == [
        ("dynamic_good", [GOOD, SPARE], True),
        ("dynamic_poor", [POOR], True),
        ("dynamic_new", [NEW], True),
    ]
    assert {pool["account_id"] for pool in shown["pools"]} == {api.one.account_id}
    assert (await api.ok("GET", "/v3/ip_pools"))["ip_pools"] == []  # those are dedicated ones

    done = await api.ok("PATCH", "/v3/dynamic_pools/dynamic_good", data={"remove_ip": SPARE})
    assert done == {"message": "success"}
    assert await api.ok("POST", f"/v3/dynamic_pools/dynamic_new/{SPARE}") == {"message": "success"}
    assert (await api.ok("GET", "/v3/dynamic_pools"))["new_senders"] == [NEW, SPARE]
    ids = [pool["id"] for pool in shown["pools"]]
    again = await api.ok("POST", "/v3/dynamic_pools/all", data=POOLS | {"new_senders": SPARE})
    assert again["new_senders"] == [SPARE]
    assert [pool["id"] for pool in (await api.ok("GET", "/v3/dynamic_pools"))["pools"]] == ids
    assert NEW in (await api.ok("GET", "/v3/ips"))["assignable_to_pools"]

    await enrol(api)
    text = "domains are enrolled in dynamic IP pools: remove them before the pools"
    assert await refused(api, "DELETE", "/v3/dynamic_pools/all") == (400, text)
    await api.ok("DELETE", "/v3/domains/{d}/dynamic_pools", params={"replacement_ip": NEW})
    assert (await api.ok("GET", "/v3/domains/{d}/ips"))["items"] == [NEW]
    assert await api.ok("DELETE", "/v3/dynamic_pools/all") == {"message": "success"}
    assert sorted((await api.ok("GET", "/v3/ips"))["assignable_to_pools"]) == IPS


async def test_rules_of_addresses(api: World) -> None:
    async def setup(**fields: Any) -> tuple[int, str]:
        return await refused(api, "POST", "/v3/dynamic_pools/all", data=POOLS | fields)

    assert await setup(new_senders="") == (400, "new_senders parameter is missing")
    assert await setup(new_senders=GOOD) == (400, f"IP {GOOD} belongs to another IP pool")
    assert await setup(new_senders=SHARED) == (400, f"IP {SHARED} is not a dedicated IP")
    assert await setup(new_senders=FREE) == (404, "IP not found")
    assert await setup(new_senders="nonsense") == (400, "nonsense is not a valid IP address")
    await api.ok("POST", f"/v3/ip_warmups/{NEW}")
    text = "dynamic_new must have at least one IP that is not being warmed up"
    assert await setup() == (400, text)
    assert (await api.ok("GET", "/v3/dynamic_pools"))["pools"] == []  # a refusal changes nothing
    await api.ok("POST", "/v3/dynamic_pools/all", data=POOLS | {"new_senders": [NEW, SPARE]})
    # What is being warmed up may join, and what is in may be warmed up, while another one is warm.
    path = "/v3/dynamic_pools/dynamic_new"
    assert await refused(api, "PATCH", path, data={"remove_ip": SPARE}) == (400, text)
    assert await refused(api, "POST", f"/v3/ip_warmups/{SPARE}") == (
        400,
        f"IP {SPARE} is the last one of dynamic_new that is not being warmed up",
    )
    assert await refused(api, "PATCH", path) == (400, "'add_ip' or 'remove_ip' is required")
    assert await refused(api, "PATCH", path, data={"remove_ip": GOOD}) == (
        400,
        f"IP {GOOD} is not in the IP pool",
    )
    assert (await api.call("PATCH", "/v3/dynamic_pools/other", data={"add_ip": GOOD})).status_code == 404
    kid, _ = child(api)
    text = f"IP {GOOD} belongs to an IP pool and can't be linked to a subaccount"
    answer = await refused(api, "PUT", f"/v5/accounts/subaccounts/{kid}/ip", data={"ip": GOOD})
    assert answer == (400, text)
    fields = {"name": "p", "description": "", "ip": GOOD}
    assert (await refused(api, "POST", "/v3/ip_pools", data=fields))[0] == 400


# -- domains


async def test_a_domain_moves_by_its_figures(api: World) -> None:
    await set_up(api)
    preview = await api.ok("GET", "/v1/dynamic_pools/domains/{d}/preview")
    assert preview["pool"] == "dynamic_new"
    assert preview["results"]["processed_count"] == {"value": 0, "band": "dynamic_new"}
    await enrol(api)
    assert await state(api) == ("dynamic_new", [NEW])
    assert await refused(api, "POST", "/v3/domains/{d}/dynamic_pools") == (
        400,
        "the domain is enrolled in dynamic IP pools already",
    )

    await counted(api, processed=600, bounced=6)
    await Timers(load({}), api.db, api.clock).run_once()
    assert await state(api) == ("dynamic_new", [NEW])  # checks are hourly
    assert (await api.ok("GET", "/v1/dynamic_pools/domains/{d}/preview"))["pool"] == "dynamic_good"
    await check(api)
    assert await state(api) == ("dynamic_good", [GOOD])

    await counted(api, processed=200, bounced=60)
    preview = await api.ok("GET", "/v1/dynamic_pools/domains/{d}/preview")
    assert preview["pool"] == "dynamic_poor"
    assert preview["results"]["bounce_rate"] == {"value": 0.0825, "band": "dynamic_poor"}
    assert preview["results"]["complaint_rate"] == {"value": 0.0, "band": "dynamic_good"}
    assert await state(api) == ("dynamic_good", [GOOD])  # a preview changes nothing
    await check(api)
    assert await state(api) == ("dynamic_poor", [POOR])

    await counted(api, processed=10_000)
    await check(api, 7 * 24 - 1)
    assert (await state(api))[0] == "dynamic_poor"
    await check(api)
    assert await state(api) == ("dynamic_good", [GOOD])
    await check(api, 3)

    moves = await api.ok("GET", "/v1/dynamic_pools/domains/{d}/history")
    assert [(move["prev_band"], move["new_band"], move["reason"]) for move in moves["items"]] == [
        ("dynamic_poor", "dynamic_good", "Multiple metrics in good threshold"),
        ("dynamic_good", "dynamic_poor", "bounce_rate in poor threshold"),
        ("dynamic_new", "dynamic_good", "Multiple metrics in good threshold"),
        ("", "dynamic_new", "processed_count in new threshold"),
    ]
    assert moves["timestamp"] == moves["items"][0]["timestamp"] and moves["new_band"] == "dynamic_good"
    move = moves["items"][1]
    assert (move["bounce_rate"], move["complaint_rate"], move["processed_count"]) == (0.0825, 0.0, 800)
    assert (move["initiated_by"], move["domain_name"]) == ("system", api.one.domain)
    assert move["owning_account_id"] == move["account_id"] == api.one.account_id
    assert move["account_name"] == api.one.domain
    assert moves["total_items"] == 4 and set(moves["paging"]) == {"First", "Next", "Previous", "Last"}
    (item,) = (await api.ok("GET", "/v1/dynamic_pools/domains"))["items"]
    assert item["processed_count"] == 10_800 and item["bounce_rate"] == round(66 / 10_800, 6)


async def test_an_override_freezes_a_domain(api: World) -> None:
    await set_up(api)
    path = "/v1/dynamic_pools/domains/{d}/override"
    gone = (404, "domain is not enrolled in dynamic IP pools")
    assert await refused(api, "PUT", path, data={"pool": "dynamic_good"}) == gone
    await enrol(api)
    answer = await api.call("PUT", path, data={"pool": "invalid_name"})
    assert answer.status_code == 400
    assert (answer.json()["Field"], answer.json()["Value"]) == ("pool", "invalid_name")
    assert await refused(api, "DELETE", path) == (404, "the domain has no override")
    assert await api.ok("PUT", path, data={"pool": "dynamic_good"}) == {"message": "success"}
    assert await state(api) == ("dynamic_good", [GOOD])
    await counted(api, processed=1000, bounced=900)
    await check(api, 3)
    assert await state(api) == ("dynamic_good", [GOOD])
    (item,) = (await api.ok("GET", "/v1/dynamic_pools/domains"))["items"]
    assert item["override"] is True
    move = (await api.ok("GET", "/v1/dynamic_pools/domains/{d}/history"))["items"][0]
    assert (move["new_band"], move["reason"]) == ("dynamic_good", "override")
    assert move["initiated_by"] not in ("", "system")
    assert await api.ok("DELETE", path) == {"message": "success"}
    await Timers(load({}), api.db, api.clock).run_once()
    assert await state(api) == ("dynamic_poor", [POOR])


async def test_an_enrolled_domain_has_nothing_else(api: World) -> None:
    await set_up(api)
    fields = {"name": "p", "description": "", "ip": SPARE}
    pool = (await api.ok("POST", "/v3/ip_pools", data=fields))["pool_id"]
    await api.ok("POST", "/v3/domains/{d}/ips", data={"pool_id": pool})
    await enrol(api, params={"replacement_ip": "shared"})
    for method, path, data in (
        ("POST", "/v3/domains/{d}/ips", {"pool_id": pool}),
        ("POST", "/v3/domains/{d}/ips", {"ip": SHARED}),
        ("DELETE", "/v3/domains/{d}/ips/all", {}),
        ("DELETE", f"/v3/domains/{{d}}/ips/{NEW}", {}),
        ("DELETE", "/v3/domains/{d}/ips/ip_pool?ip=shared", {}),
    ):
        assert (await api.call(method, path, data=data)).status_code == 400, path
    assert await state(api) == ("dynamic_new", [NEW])
    for fields, text in (
        ({}, "exactly one of 'replacement_ip' and 'replacement_pool_id' is required"),
        ({"replacement_ip": GOOD}, f"IP {GOOD} belongs to an IP pool; link the domain to the pool"),
        ({"replacement_ip": ["shared", SPARE]}, "'shared' can't be combined with other IPs"),
        ({"replacement_pool_id": "x"}, "IP pool x not found"),
    ):
        assert await refused(api, "DELETE", "/v3/domains/{d}/dynamic_pools", params=fields) == (400, text)
    done = await api.ok("DELETE", "/v3/domains/{d}/dynamic_pools", params={"replacement_pool_id": pool})
    assert done == {"message": "success"}
    assert (await api.ok("GET", "/v3/domains/{d}/ips"))["items"] == [SPARE]
    assert (await api.ok("GET", "/v1/dynamic_pools/domains"))["items"] == []
    assert len((await api.ok("GET", "/v1/dynamic_pools/domains/{d}/history"))["items"]) == 1


async def test_what_takes_the_place_of_a_pool_without_addresses(api: World) -> None:
    await set_up(api)
    assert await refused(
        api, "POST", "/v3/domains/{d}/dynamic_pools", params={"replacement_ip": "10.1.1.1"}
    ) == (404, "IP not found")
    await enrol(api, params={"replacement_ip": SPARE})
    left = ips.declared(load({"POSTWRIGHT_SOURCE_IPS": ",".join([GOOD, POOR, SPARE])}))
    await api.db.write(ips.declare, api.clock.now(), api.one.account_id, left)
    book = ips.Book(api.db)
    await book.refresh()
    (item,) = (await api.ok("GET", "/v1/dynamic_pools/domains"))["items"]
    assert book.choice(api.one.account_id, item["id"]).first == (SPARE,)


async def test_strangers_and_features(api: World) -> None:
    await set_up(api)
    await enrol(api)
    for method, path in (
        ("POST", "/v3/domains/{d}/dynamic_pools"),
        ("DELETE", "/v3/domains/{d}/dynamic_pools"),
        ("GET", "/v1/dynamic_pools/domains/{d}/history"),
        ("GET", "/v1/dynamic_pools/domains/{d}/preview"),
        ("PUT", "/v1/dynamic_pools/domains/{d}/override"),
        ("DELETE", "/v1/dynamic_pools/domains/{d}/override"),
    ):
        answer = await api.call(method, path, key=api.two.key)
        assert (answer.status_code, answer.json()) == (404, {"message": "Domain not found"}), path
    for path in ("/v1/dynamic_pools/domains", "/v1/dynamic_pools/history?include_subaccounts=yes"):
        assert (await api.ok("GET", path, key=api.two.key))["items"] == []
    assert (await api.ok("GET", "/v3/dynamic_pools", key=api.two.key))["pools"] == []
    await api.db.write(ips.set_hidden, api.one.account_id, [ips.Feature.DYNAMIC])
    for method, path in (
        ("GET", "/v3/dynamic_pools"),
        ("POST", "/v3/dynamic_pools/all?good_reputation=1&poor_reputation=2&new_senders=3"),
        ("GET", "/v1/dynamic_pools/domains"),
        ("GET", "/v1/dynamic_pools/history"),
        ("GET", "/v3/domains/dynamic_pools/assignable"),
        ("POST", "/v3/domains/all/dynamic_pools/enroll"),
        ("POST", "/v3/domains/{d}/dynamic_pools"),
        ("GET", "/v1/dynamic_pools/domains/{d}/preview"),
        ("PUT", "/v1/dynamic_pools/domains/{d}/override?pool=dynamic_good"),
    ):
        assert await refused(api, method, path) == (
            403,
            "the feature 'dynamic_ip_pools' is not enabled for this account",
        ), path


async def test_many_checkers_move_a_domain_once(api: World, db: Db) -> None:
    await set_up(api)
    await enrol(api)
    await counted(api, processed=600)
    api.clock.advance(HOUR)
    await asyncio.gather(*(Timers(load({}), db, api.clock).run_once() for _ in range(4)))
    assert (await api.ok("GET", "/v1/dynamic_pools/domains/{d}/history"))["total_items"] == 2


async def test_a_deleted_domain_leaves_nothing(api: World) -> None:
    await set_up(api)
    await enrol(api)
    domain_id = await api.db.read(lambda tx: domain_id_of(tx, api.one.domain))
    while await api.db.write(ips.forget_domain, domain_id):
        pass
    assert (await api.ok("GET", "/v1/dynamic_pools/history"))["total_items"] == 0
    await api.ok("DELETE", "/v3/dynamic_pools/all")
