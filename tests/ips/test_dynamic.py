"""Dynamic pools: rules, health checks, history, overrides."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from postwright import ips
from postwright.domains import of_name
from postwright.ips import Timers, dynamic
from postwright.ips.health import Band, judge, place
from postwright.ips.records import Figures
from postwright.ips.store import reputations
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from postwright.kernel.http import dates
from postwright.kernel.settings import load
from tests.world import World

from .conftest import FREE, IPS, SHARED, child, work

GOOD, POOR, NEW, SPARE = IPS
POOLS = {"good_reputation": GOOD, "poor_reputation": POOR, "new_senders": NEW}
HOUR, DAY = 3600, 86400


async def refused(api: World, method: str, path: str, **more: Any) -> tuple[int, str]:
    answer = await api.call(method, path, **more)
    return answer.status_code, answer.json()["message"]


async def set_up(api: World) -> None:
    await api.ok("POST", "/v3/dynamic_pools/all", data=POOLS)


async def enrol(api: World, domain: str = "{d}", **more: Any) -> None:
    assert await api.ok("POST", f"/v3/domains/{domain}/dynamic_pools", **more) == {"message": "success"}
    api.clock.advance(1)  # what comes now is later


async def sent(api: World, domain: str = "", **counts: int) -> None:
    """What came of mail of a domain, in the hour that it is."""
    name = domain or api.one.domain
    domain_id = await api.db.read(lambda tx: dynamic_id(tx, name))
    hour = api.clock.now() - api.clock.now() % (HOUR * SECOND)
    await api.db.write(reputations.add, {(f"domain:{domain_id}", hour): Figures(**counts)})


def dynamic_id(tx: Any, name: str) -> str:
    found = of_name(tx, name)
    assert found is not None
    return found.id


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

    await sent(api, processed=600, bounced=6)
    await Timers(load({}), api.db, api.clock).run_once()
    assert await state(api) == ("dynamic_new", [NEW])  # checks are hourly
    assert (await api.ok("GET", "/v1/dynamic_pools/domains/{d}/preview"))["pool"] == "dynamic_good"
    await check(api)
    assert await state(api) == ("dynamic_good", [GOOD])

    await sent(api, processed=200, bounced=60)
    preview = await api.ok("GET", "/v1/dynamic_pools/domains/{d}/preview")
    assert preview["pool"] == "dynamic_poor"
    assert preview["results"]["bounce_rate"] == {"value": 0.0825, "band": "dynamic_poor"}
    assert preview["results"]["complaint_rate"] == {"value": 0.0, "band": "dynamic_good"}
    assert await state(api) == ("dynamic_good", [GOOD])  # a preview changes nothing
    await check(api)
    assert await state(api) == ("dynamic_poor", [POOR])

    await sent(api, processed=10_000)
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
    await sent(api, processed=1000, bounced=900)
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


async def test_a_family(api: World) -> None:
    await set_up(api)
    kid, key = child(api)
    await api.ok("POST", "/v4/domains", key=key, data={"name": "kid.test"})
    await api.ok("POST", "/v4/domains", data={"name": "more.test"})

    async def assignable(**params: str) -> list[str]:
        found = await api.ok("GET", "/v3/domains/dynamic_pools/assignable", params=params)
        return sorted(item["name"] for item in found["items"])

    assert await assignable() == ["more.test", "one.example.com"]
    assert await assignable(domain=r"^m.*\.test$") == ["more.test"]
    assert await assignable(subaccount_id=kid) == ["kid.test"]
    assert (await refused(api, "GET", "/v3/domains/dynamic_pools/assignable?domain=("))[0] == 400
    stranger = {"subaccount_id": api.two.account_id}
    assert (await api.call("GET", "/v3/domains/dynamic_pools/assignable", params=stranger)).status_code == 404

    path = "/v3/domains/all/dynamic_pools/enroll"
    assert await refused(api, "POST", path, key=key) == (403, dynamic.NotOwner.message)
    assert await api.ok("POST", path, params={"include_subaccounts": "true"}) == {"message": "started"}
    await work(api)
    listed = await api.ok("GET", "/v1/dynamic_pools/domains")
    assert [item["name"] for item in listed["items"]] == ["kid.test", "more.test", "one.example.com"]
    assert await assignable() == [] == await assignable(subaccount_id=kid)
    # A subaccount sees its own, sends from its parent's pool, and does not choose it.
    assert [i["name"] for i in (await api.ok("GET", "/v1/dynamic_pools/domains", key=key))["items"]] == [
        "kid.test"
    ]
    assert (await api.ok("GET", "/v3/domains/kid.test/ips", key=key))["items"] == [NEW]
    own = "/v1/dynamic_pools/domains/kid.test"
    assert (await api.ok("GET", f"{own}/preview", key=key))["pool"] == "dynamic_new"
    assert (await refused(api, "PUT", f"{own}/override", key=key, data={"pool": "dynamic_good"}))[0] == 403
    leave = {"replacement_ip": "shared"}
    assert (await refused(api, "DELETE", "/v3/domains/kid.test/dynamic_pools", key=key, params=leave))[
        0
    ] == 403
    assert (await refused(api, "POST", "/v3/dynamic_pools/all", key=key, data=POOLS))[0] == 403
    await api.ok("PUT", f"{own}/override", data={"pool": "dynamic_good"})
    assert (await api.ok("GET", "/v3/domains/kid.test/ips", key=key))["items"] == [GOOD]
    await api.ok("DELETE", "/v3/domains/kid.test/dynamic_pools", params=leave)
    assert (await api.ok("GET", "/v3/domains/kid.test/ips", key=key))["items"] == [SHARED]

    async def moved(**params: str) -> list[tuple[str, str]]:
        found = await api.ok("GET", "/v1/dynamic_pools/history", params=params)
        assert found["total_items"] == len(found["items"])
        return [(item["domain_name"], item["new_band"]) for item in found["items"]]

    assert sorted(await moved()) == [("more.test", "dynamic_new"), ("one.example.com", "dynamic_new")]
    everybody = {"include_subaccounts": "true"}
    assert len(await moved(**everybody)) == 4
    assert await moved(**everybody, moved_to="dynamic_good") == [("kid.test", "dynamic_good")]
    assert await moved(**everybody, moved_from="dynamic_new") == [("kid.test", "dynamic_good")]
    assert len(await moved(**everybody, domain="KID.test")) == 2
    now = dates.utc(api.clock.now() + 60 * SECOND)
    assert (len(await moved(before=now)), await moved(after=now)) == (2, [])
    assert (await refused(api, "GET", "/v1/dynamic_pools/history?after=tomorrow"))[0] == 400


async def test_pages_in_every_order(api: World) -> None:
    await set_up(api)
    names = [f"d{n}.test" for n in range(5)]
    for n, name in enumerate(names):
        await api.ok("POST", "/v4/domains", data={"name": name})
        await sent(api, name, processed=1000, bounced=(n * 3) % 7)
    await api.ok("POST", "/v3/domains/all/dynamic_pools/enroll")
    await work(api)
    names.append("one.example.com")

    async def walk(path: str, **params: Any) -> list[str]:
        """All names, page by page forward; then the same backward."""
        page = await api.ok("GET", path, params={"limit": 2, **params})
        found, back = [], []
        while page["items"]:
            assert page["total_items"] == 6
            found.append([item.get("name") or item["domain_name"] for item in page["items"]])
            page = await api.ok("GET", page["paging"]["Next"])
        page = await api.ok("GET", page["paging"]["Last"])
        while page["items"]:
            back.append([item.get("name") or item["domain_name"] for item in page["items"]])
            page = await api.ok("GET", page["paging"]["Previous"])
        assert back[::-1] == found
        return [name for each in found for name in each]

    domains = "/v1/dynamic_pools/domains"
    assert await walk(domains) == names
    assert await walk(domains, sort_order="descending") == names[::-1]
    assert await walk(domains, sort_by="bounce_rate") == [names[n] for n in (5, 0, 3, 1, 4, 2)]
    rising = await walk(domains, sort_by="bounce_rate", sort_order="descending")
    assert rising == [names[n] for n in (2, 4, 1, 3, 0, 5)]
    assert sorted(await walk("/v1/dynamic_pools/history")) == names
    page = await api.ok("GET", domains, params={"limit": 2, "pool": ["dynamic_new", "dynamic_poor"]})
    assert [item["name"] for item in page["items"]] == ["one.example.com"]
    query = parse_qs(urlsplit(page["paging"]["Next"]).query)
    assert query["pool"] == ["dynamic_new", "dynamic_poor"]
    assert (await api.ok("GET", domains, params={"account": "x"}))["items"] == []
    token = query["page"][0]
    assert (
        await api.call("GET", domains, params={"page": token, "sort_by": "bounce_rate"})
    ).status_code == 400
    for bad in ({"limit": 101}, {"sort_by": "size"}, {"page": "nonsense"}):
        assert (await api.call("GET", domains, params=bad)).status_code == 400
    assert len((await api.ok("GET", "/v1/dynamic_pools/history", params={"Limit": 3}))["items"]) == 3


async def test_many_checkers_move_a_domain_once(api: World, db: Db) -> None:
    await set_up(api)
    await enrol(api)
    await sent(api, processed=600)
    api.clock.advance(HOUR)
    await asyncio.gather(*(Timers(load({}), db, api.clock).run_once() for _ in range(4)))
    assert (await api.ok("GET", "/v1/dynamic_pools/domains/{d}/history"))["total_items"] == 2


async def test_a_deleted_domain_leaves_nothing(api: World) -> None:
    await set_up(api)
    await enrol(api)
    domain_id = await api.db.read(lambda tx: dynamic_id(tx, api.one.domain))
    while await api.db.write(ips.forget_domain, domain_id):
        pass
    assert (await api.ok("GET", "/v1/dynamic_pools/history"))["total_items"] == 0
    await api.ok("DELETE", "/v3/dynamic_pools/all")
