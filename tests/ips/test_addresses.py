"""Addresses: who has them, how they are handed out, where they are used."""

from typing import Any

import pytest

from postwright import accounts, ips
from tests.world import World, world

from .conftest import FREE, IPS, SHARED, child, work


async def test_the_account_sees_its_own_and_shared_ones(api: World) -> None:
    shown = await api.ok("GET", "/v3/ips")
    assert shown["items"] == [*IPS, SHARED]
    assert shown["total_count"] == 5
    assert shown["assignable_to_pools"] == IPS
    assert shown["details"][0] == {"ip": IPS[0], "is_on_warmup": False}
    assert (await api.ok("GET", "/v3/ips?dedicated=true"))["items"] == IPS
    assert (await api.ok("GET", "/v3/ips?dedicated=false"))["items"] == [SHARED]
    assert (await api.ok("GET", "/v3/ips", key=api.two.key))["items"] == [SHARED]
    for ip, status in ((IPS[0], 404), (FREE, 404), ("nonsense", 400)):
        assert (await api.call("GET", f"/v3/ips/{ip}", key=api.two.key)).status_code == status


async def test_a_new_one_is_handed_out_within_the_plan(api: World) -> None:
    path = "/v3/ips/request/new"
    assert await api.ok("GET", path, key=api.two.key) == {"allowed": {"dedicated": 1, "shared": 1}}
    assert await api.ok("POST", path, key=api.two.key) == {"message": "success"}
    assert (await api.ok("GET", "/v3/ips", key=api.two.key))["items"] == [FREE, SHARED]
    assert await api.ok("GET", path) == {"allowed": {"dedicated": 0, "shared": 1}}
    answer = await api.call("POST", path)
    assert (answer.status_code, answer.json()) == (
        403,
        {"message": "no more dedicated IPs are available to this account"},
    )


async def test_the_plan_limits(db: Any, tmp_path: Any) -> None:
    async with world(db, tmp_path, source_ips=f"{IPS[0]},{FREE};free", account_ips="1") as api:
        assert (await api.ok("GET", "/v3/ips/request/new"))["allowed"]["dedicated"] == 0
        assert (await api.call("POST", "/v3/ips/request/new")).status_code == 403


async def test_bands(api: World) -> None:
    await api.ok("POST", f"/v3/ips/{IPS[0]}/ip_band", data={"ip_band": "silver"})
    held = {each.address: each.band for each in await api.db.read(ips.all_ips)}
    assert (held[IPS[0]], held[FREE]) == ("silver", "gold")
    for ip, band, status in (
        (IPS[0], "", 400),
        (SHARED, "x", 400),
        (FREE, "x", 404),
        (IPS[0], "x" * 65, 400),
    ):
        answer = await api.call("POST", f"/v3/ips/{ip}/ip_band", data={"ip_band": band})
        assert answer.status_code == status, answer.text


async def test_what_is_declared_no_more_is_used_no_more_and_comes_back(api: World) -> None:
    await api.ok("POST", f"/v3/ips/{IPS[0]}/ip_band", data={"ip_band": "silver"})
    less = [ips.Declared(each) for each in IPS[1:]]
    await api.db.write(ips.declare, api.clock.now(), api.one.account_id, less)
    assert (await api.ok("GET", "/v3/ips?enabled=true"))["items"] == IPS[1:]
    assert (await api.ok("GET", "/v3/domains/{d}/ips"))["items"] == IPS[1:]
    both = ips.declared(api.context.settings)
    await api.db.write(ips.declare, api.clock.now(), api.one.account_id, both)
    assert (await api.ok("GET", "/v3/ips?enabled=true"))["items"] == [*IPS, SHARED]
    assert {each.address: each.band for each in await api.db.read(ips.all_ips)}[IPS[0]] == "silver"


async def test_domains_of_an_address(api: World) -> None:
    for name in ("alpha-shop.test", "beta-news.test", "gamma.test"):
        await api.ok("POST", "/v4/domains", data={"name": name, "ips": IPS[1]})
    path = f"/v3/ips/{IPS[1]}/domains"
    everything = await api.ok("GET", path, params={"limit": 10, "skip": 0})
    assert everything["total_count"] == 4  # {d} has made no choice: it sends from all
    found = await api.ok("GET", path, params={"search": "shop, news"})
    assert sorted(item["domain"] for item in found["items"]) == ["alpha-shop.test", "beta-news.test"]
    assert found["items"][0]["ips"] == [IPS[1]]
    page = await api.ok("GET", path, params={"limit": 1, "skip": 1})
    assert (len(page["items"]), page["total_count"]) == (1, 4)
    only = await api.ok("GET", f"/v3/ips/{IPS[0]}/domains", params={"limit": 10})
    assert [item["domain"] for item in only["items"]] == [api.one.domain]
    assert (await api.call("GET", path, key=api.two.key)).status_code == 404


async def test_all_domains_at_once(api: World) -> None:
    names = [f"d{n}.test" for n in range(4)]
    for name in names:
        await api.ok("POST", "/v4/domains", data={"name": name, "ips": IPS[0]})
    started = await api.ok("POST", f"/v3/ips/{IPS[1]}/domains")
    assert started["message"] == "started"
    assert len(started["reference_id"]) == 24
    await work(api)
    for name in names:
        assert (await api.ok("GET", f"/v3/domains/{name}/ips"))["items"] == IPS[:2]
    await api.ok("DELETE", f"/v3/ips/{IPS[0]}/domains", params={"alternative": IPS[2]})
    await work(api)
    for name in names:
        assert (await api.ok("GET", f"/v3/domains/{name}/ips"))["items"] == IPS[1:3]
    assert IPS[0] not in (await api.ok("GET", "/v3/domains/{d}/ips"))["items"]


async def test_details(api: World) -> None:
    kid, _ = child(api)
    await api.ok("PUT", f"/v5/accounts/subaccounts/{kid}/ip", data={"ip": IPS[0]})
    pool = (await api.ok("POST", "/v3/ip_pools", data={"name": "p", "description": "", "ip": IPS[1]}))[
        "pool_id"
    ]
    await api.ok("POST", "/v4/domains", data={"name": "few.test", "ips": IPS[2]})

    async def asked(**params: str) -> list[tuple[str, str]]:
        shown = await api.ok("GET", "/v3/ips/details/all", params=params)
        assert shown["total_count"] == len(shown["items"])
        return [(item["address"], item["account_id"]) for item in shown["items"]]

    me = api.one.account_id
    assert sorted(await asked()) == sorted([(IPS[0], me), (IPS[0], kid), *((ip, me) for ip in IPS[1:])])
    assert await asked(subaccount_id="any") == await asked(subaccount_id=kid) == [(IPS[0], kid)]
    assert await asked(subaccount_id="none", sort_order="descending") == [(ip, me) for ip in IPS[::-1]]
    assert await asked(pool_id="any") == await asked(pool_id=pool) == [(IPS[1], me)]
    assert (IPS[1], me) not in await asked(pool_id="none")
    few = (await api.ok("GET", "/v4/domains/few.test"))["domain"]["id"]
    assert await asked(domain_id=few) == await asked(domain_id="any") == [(IPS[2], me)]
    assert (IPS[2], me) not in await asked(domain_id="none")
    assert await asked(ip="2.13") == [(IPS[3], me)]
    (first,) = (await api.ok("GET", "/v3/ips/details/all", params={"pool_id": pool}))["items"]
    assert first["pool_ids"] == [pool]
    assert first["parent_account_id"] == me
    assert first["pool_last_modified_at"].endswith("Z")
    assert first["domains_last_modified_at"] == "0001-01-01T00:00:00Z"
    page = await api.ok("GET", "/v3/ips/details/all", params={"limit": 2, "skip": 1})
    assert (len(page["items"]), page["total_count"]) == (2, 5)
    assert (await api.call("GET", "/v3/ips/details/all", params={"sort_by": "x"})).status_code == 400
    assert (await api.ok("GET", "/v3/ips/details/all", key=api.two.key))["items"] == []


async def test_hidden_features(api: World) -> None:
    pool = (await api.ok("POST", "/v3/ip_pools", data={"name": "p", "description": "d"}))["pool_id"]
    await api.db.write(ips.set_hidden, api.one.account_id, list(ips.Feature))
    assert "assignable_to_pools" not in await api.ok("GET", "/v3/ips")
    for method, path, feature in (
        ("GET", "/v3/ips/details/all", "detailed_ip_view"),
        ("POST", f"/v3/ips/{IPS[0]}/ip_band?ip_band=x", "dedicated_ip_bands"),
        ("POST", "/v3/ip_pools?name=x", "dedicated_ip_pools"),
        ("GET", f"/v3/ip_pools/{pool}", "dedicated_ip_pools"),
        ("PATCH", "/v3/ips/subaccounts?all_subaccounts=true&link_ip=192.0.2.10", "centralized_ip_assignment"),
    ):
        answer = await api.call(method, path)
        assert answer.status_code == 403, path
        assert answer.json()["message"] == f"the feature '{feature}' is not enabled for this account"


async def test_subaccounts_link_and_unlink(api: World) -> None:
    kids = [child(api, f"kid{n}") for n in range(2)]
    path = "/v3/ips/subaccounts"
    both = {"subaccount_id": [kid for kid, _ in kids], "link_ip": IPS[:2]}
    assert await api.ok("PATCH", path, data=both) == {"message": "success"}
    for _, key in kids:
        assert (await api.ok("GET", "/v3/ips", key=key))["items"] == [*IPS[:2], SHARED]
    assert await api.ok(
        "PATCH", path, data={"subaccount_id": kids[0][0], "unlink_ip": IPS[0], "link_ip": IPS[2]}
    ) == {"message": "success"}
    assert (await api.ok("GET", "/v3/ips", key=kids[0][1]))["items"] == [IPS[1], IPS[2], SHARED]


async def test_for_all_subaccounts_it_is_queued(api: World) -> None:
    kids = [child(api, f"kid{n}") for n in range(3)]
    everybody = {"all_subaccounts": "true", "link_ip": IPS[0]}
    assert await api.ok("PATCH", "/v3/ips/subaccounts", data=everybody) == {"message": "queued"}
    assert (await api.ok("GET", "/v3/ips", key=kids[2][1]))["items"] == [SHARED]
    await work(api)
    for _, key in kids:
        assert (await api.ok("GET", "/v3/ips", key=key))["items"] == [IPS[0], SHARED]


async def test_over_a_hundred_subaccounts_are_queued(api: World) -> None:
    now = api.clock.now()
    rows = [
        {
            "id": f"{n:024x}",
            "parent_id": api.one.account_id,
            "name": f"kid{n}",
            "status": "open",
            "owner_email": "",
            "signing_key": b"",
            "public_key": f"k{n}",
            "created_at": now,
            "updated_at": now,
        }
        for n in range(101)
    ]
    await api.db.write(lambda tx: tx.run(accounts.accounts.insert(), rows))
    given = {"subaccount_id": [row["id"] for row in rows], "link_ip": IPS[0]}
    assert await api.ok("PATCH", "/v3/ips/subaccounts", data=given) == {"message": "queued"}
    await work(api)
    assert (await api.ok("GET", "/v3/ips/details/all?subaccount_id=any"))["total_count"] == 101


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"link_ip": IPS[0]}, 400, "exactly one of 'subaccount_id' and 'all_subaccounts=true' is required"),
        ({"subaccount_id": "KID"}, 400, "'link_ip' or 'unlink_ip' is required"),
        ({"subaccount_id": "ff", "link_ip": IPS[0]}, 404, "Subaccount not found"),
        ({"subaccount_id": "KID", "link_ip": SHARED}, 400, f"IP {SHARED} is not a dedicated IP"),
        ({"subaccount_id": "KID", "link_ip": "192.0.2.99"}, 404, "IP not found"),
        (
            {"subaccount_id": "KID", "link_ip": IPS[3]},
            400,
            f"IP {IPS[3]} belongs to an IP pool and can't be linked to a subaccount",
        ),
        (
            {"subaccount_id": "KID", "link_ip": IPS[0], "unlink_ip": IPS[0]},
            400,
            "an IP can't be in both 'link_ip' and 'unlink_ip'",
        ),
    ],
)
async def test_links_that_are_refused(api: World, fields: dict[str, str], status: int, text: str) -> None:
    kid, _ = child(api)
    await api.ok("POST", "/v3/ip_pools", data={"name": "p", "description": "", "ip": IPS[3]})
    given = {name: kid if value == "KID" else value for name, value in fields.items()}
    answer = await api.call("PATCH", "/v3/ips/subaccounts", data=given)
    assert (answer.status_code, answer.json()["message"]) == (status, text)
    assert (await api.ok("GET", "/v3/ips/details/all?subaccount_id=any"))["items"] == []


async def test_an_address_in_use_stays_linked(api: World) -> None:
    kid, key = child(api)
    await api.ok("PUT", f"/v5/accounts/subaccounts/{kid}/ip", data={"ip": IPS[0]})
    await api.ok("POST", "/v4/domains", key=key, data={"name": "kid.test", "ips": IPS[0]})
    answer = await api.call("PATCH", "/v3/ips/subaccounts", data={"subaccount_id": kid, "unlink_ip": IPS[0]})
    assert answer.json() == {"message": f"IP {IPS[0]} is assigned to domains of the subaccount"}
    await api.ok("DELETE", f"/v3/domains/kid.test/ips/{IPS[0]}", key=key)
    assert await api.ok("PATCH", "/v3/ips/subaccounts", data={"subaccount_id": kid, "unlink_ip": IPS[0]})
    assert (await api.ok("GET", "/v3/ips", key=key))["items"] == [SHARED]
