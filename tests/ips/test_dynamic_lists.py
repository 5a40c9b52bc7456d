"""Dynamic pools of an account with subaccounts, and lists of what is in them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from postwright.ips import dynamic
from postwright.kernel.clock import SECOND
from postwright.kernel.http import dates
from tests.world import World

from .conftest import GOOD, NEW, POOLS, SHARED, child, counted, refused, set_up, work


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
        await counted(api, name, processed=1000, bounced=(n * 3) % 7)
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
