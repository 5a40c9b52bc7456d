"""Dedicated pools: the rules, and who has them."""

from typing import Any

import pytest

from tests.world import World

from .conftest import FREE, IPS, SHARED, child, work


async def pool(api: World, *ips: str, name: str = "marketing") -> str:
    """A pool with addresses."""
    made = await api.ok("POST", "/v3/ip_pools", data={"name": name, "description": "about", "ip": list(ips)})
    assert made["message"] == "success"
    return str(made["pool_id"])


async def domain_id(api: World, name: str = "{d}") -> str:
    return str((await api.ok("GET", f"/v4/domains/{name}"))["domain"]["id"])


async def ips_of(api: World, name: str = "{d}") -> list[str]:
    items: list[str] = (await api.ok("GET", f"/v3/domains/{name}/ips"))["items"]
    return items


async def test_a_pool_and_its_life(api: World) -> None:
    made = await pool(api, IPS[0])
    info = {
        "pool_id": made,
        "name": "marketing",
        "description": "about",
        "ips": [IPS[0]],
        "is_linked": False,
        "is_inherited": False,
    }
    for version in ("v3", "v1"):
        assert await api.ok("GET", f"/{version}/ip_pools") == {"ip_pools": [info], "message": "success"}
    shown = await api.ok("GET", f"/v3/ip_pools/{made}")
    assert shown == {"details": info | {"linked_domains": []}, "message": "success"}
    change = {"name": "news", "add_ip": IPS[1:3], "remove_ip": IPS[0]}
    assert await api.ok("PATCH", f"/v3/ip_pools/{made}", data=change) == {"message": "success"}
    shown = (await api.ok("GET", f"/v3/ip_pools/{made}"))["details"]
    assert (shown["name"], shown["ips"]) == ("news", IPS[1:3])
    assert await api.ok("PUT", f"/v3/ip_pools/{made}/ips/{IPS[3]}") == {"message": "started"}
    assert await api.ok("DELETE", f"/v3/ip_pools/{made}/ips/{IPS[1]}") == {"message": "started"}
    assert await api.ok("POST", f"/v3/ip_pools/{made}/ips.json", json={"ips": IPS[:2]}) == {
        "message": "started"
    }
    assert (await api.ok("GET", f"/v3/ip_pools/{made}"))["details"]["ips"] == IPS
    assert await api.ok("DELETE", f"/v3/ip_pools/{made}") == {"message": "started"}
    assert (await api.ok("GET", "/v3/ip_pools"))["ip_pools"] == []
    await work(api)
    assert (await api.ok("GET", "/v3/ips"))["assignable_to_pools"] == IPS


async def test_linking_takes_the_place_of_addresses(api: World) -> None:
    made = await pool(api, IPS[0], IPS[1])
    one = await domain_id(api)
    await api.ok("PATCH", f"/v3/ip_pools/{made}", data={"link_domain": one})
    assert await ips_of(api) == IPS[:2]
    shown = (await api.ok("GET", f"/v3/ip_pools/{made}"))["details"]
    assert (shown["is_linked"], shown["linked_domains"]) == (True, [api.one.domain])
    for method, path, data in (
        ("POST", "/v3/domains/{d}/ips", {"ip": IPS[3]}),
        ("DELETE", f"/v3/domains/{{d}}/ips/{IPS[0]}", {}),
    ):
        answer = await api.call(method, path, data=data)
        assert answer.status_code == 400
        assert "linked to an IP pool" in answer.json()["message"]
    await api.ok("PUT", f"/v3/ip_pools/{made}/ips/{IPS[2]}")
    assert await ips_of(api) == IPS[:3]
    await api.ok("PATCH", f"/v3/ip_pools/{made}", data={"unlink_domain": one})
    assert await ips_of(api) == [IPS[3]]  # what is in no pool


async def test_unlinking_needs_one_replacement(api: World) -> None:
    first, second = await pool(api, IPS[0]), await pool(api, IPS[1], name="other")
    path = "/v3/domains/{d}/ips/ip_pool"
    assert (await api.call("DELETE", path, params={"ip": "shared"})).json() == {
        "message": "the domain is not linked to an IP pool"
    }
    await api.ok("POST", "/v3/domains/{d}/ips", data={"pool_id": first})
    for params in ({}, {"ip": IPS[2], "pool_id": second}):
        answer = await api.call("DELETE", path, params=params)
        assert answer.json() == {"message": "exactly one of 'ip' and 'pool_id' is required"}
    assert await api.ok("DELETE", path, params={"pool_id": second}) == {"message": "success"}
    assert await ips_of(api) == [IPS[1]]
    assert await api.ok("DELETE", "/v3/domains/{d}/pool/ip_pool", params={"ip": "shared"})
    assert await ips_of(api) == [SHARED]
    await api.ok("POST", "/v3/domains/{d}/ips", data={"pool_id": first})
    answer = await api.call("DELETE", path, params={"ip": IPS[1]})
    assert answer.json()["message"] == f"IP {IPS[1]} belongs to an IP pool; link the domain to the pool"
    await api.ok("DELETE", path, params={"ip": IPS[2]})
    assert await ips_of(api) == [IPS[2]]
    await api.ok("DELETE", "/v3/domains/{d}/ips/all")
    assert await ips_of(api) == IPS[2:]


async def test_deleting_a_linked_pool_moves_its_domains(api: World) -> None:
    first, second = await pool(api, IPS[0]), await pool(api, IPS[1], name="other")
    empty = await pool(api, name="empty")
    await api.ok("POST", "/v3/domains/{d}/ips", data={"pool_id": first})
    path = f"/v3/ip_pools/{first}"
    assert (await api.call("DELETE", path)).status_code == 400
    assert (await api.call("DELETE", path, params={"pool_id": empty})).status_code == 400
    assert (await api.call("DELETE", path, params={"pool_id": first})).status_code == 400
    # One official client sends the replacement as a body.
    assert await api.ok("DELETE", path, data={"pool_id": second}) == {"message": "started"}
    await work(api)
    assert await ips_of(api) == [IPS[1]]
    await api.ok("DELETE", f"/v3/ip_pools/{second}", params={"ip": IPS[3]})
    assert await ips_of(api) == [IPS[1]]  # until the work is done it sends as before
    await work(api)
    assert await ips_of(api) == [IPS[3]]


@pytest.mark.parametrize(
    ("ip", "status", "text"),
    [
        (SHARED, 400, f"IP {SHARED} is not a dedicated IP"),
        (FREE, 404, "IP not found"),
        (IPS[3], 400, f"IP {IPS[3]} belongs to another IP pool"),
        ("x", 400, "x is not a valid IP address"),
    ],
)
async def test_addresses_that_cannot_join(api: World, ip: str, status: int, text: str) -> None:
    await pool(api, IPS[3])
    made = await pool(api, IPS[0], name="mine")
    for method, path, fields in (
        ("PUT", f"/v3/ip_pools/{made}/ips/{ip}", {}),
        ("POST", f"/v3/ip_pools/{made}/ips.json", {"json": {"ips": [IPS[1], ip]}}),
        ("PATCH", f"/v3/ip_pools/{made}", {"data": {"add_ip": [IPS[1], ip], "name": "changed"}}),
        ("POST", "/v3/ip_pools", {"data": {"name": "new", "description": "", "ip": ip}}),
    ):
        answer = await api.call(method, path, **fields)
        assert (answer.status_code, answer.json()["message"]) == (status, text), path
    shown = (await api.ok("GET", f"/v3/ip_pools/{made}"))["details"]
    assert (shown["name"], shown["ips"]) == ("mine", [IPS[0]])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "nothing to change"),
        ({"name": "marketing"}, "nothing to change"),
        ({"remove_ip": IPS[3]}, f"IP {IPS[3]} is not in the IP pool"),
        ({"link_domain": "ff"}, "domain ff not found"),
        ({"unlink_domain": "ff"}, "domain ff not found"),
        ({"name": "x" * 65}, "name is not valid: at most 64 printable characters expected"),
    ],
)
async def test_changes_that_are_refused(api: World, fields: dict[str, str], text: str) -> None:
    made = await pool(api, IPS[0])
    answer = await api.call("PATCH", f"/v3/ip_pools/{made}", data=fields)
    assert (answer.status_code, answer.json()) == (400, {"message": text})


async def test_an_empty_pool_is_not_linked_and_a_linked_one_does_not_become_empty(api: World) -> None:
    made = await pool(api)
    answer = await api.call("POST", "/v3/domains/{d}/ips", data={"pool_id": made})
    assert answer.status_code == 400
    assert "only a pool with IPs" in answer.json()["message"]
    await api.ok("PUT", f"/v3/ip_pools/{made}/ips/{IPS[0]}")
    await api.ok("POST", "/v3/domains/{d}/ips", data={"pool_id": made})
    assert (await api.call("DELETE", f"/v3/ip_pools/{made}/ips/{IPS[0]}")).status_code == 400


async def test_pages_of_domains(api: World) -> None:
    made = await pool(api, IPS[0])
    names = [f"d{n}.test" for n in range(5)]
    for name in names:
        await api.ok("POST", "/v4/domains", data={"name": name, "pool_id": made})
    seen: list[str] = []
    page: Any = await api.ok("GET", f"/v3/ip_pools/{made}/domains", params={"limit": 2})
    first = page["paging"]["first"]
    while page["domains"]:
        seen += [each["name"] for each in page["domains"]]
        page = await api.ok("GET", page["paging"]["next"])
    assert sorted(seen) == names
    page = await api.ok("GET", page["paging"]["previous"])
    assert [each["name"] for each in page["domains"]] == seen[3:]
    assert [each["name"] for each in (await api.ok("GET", first))["domains"]] == seen[:2]


async def test_a_strangers_pool_does_not_exist(api: World) -> None:
    made = await pool(api, IPS[0])
    kid, _ = child(api)
    for method, path in (
        ("GET", f"/v3/ip_pools/{made}"),
        ("PATCH", f"/v3/ip_pools/{made}?name=x"),
        ("DELETE", f"/v3/ip_pools/{made}"),
        ("GET", f"/v3/ip_pools/{made}/domains"),
        ("PUT", f"/v3/ip_pools/{made}/ips/{IPS[1]}"),
        ("DELETE", f"/v3/ip_pools/{made}/ips/{IPS[0]}"),
        ("PUT", f"/v3/ip_pools/{made}/delegate?subaccount_id={kid}"),
        ("PUT", f"/v5/accounts/subaccounts/{kid}/ip_pool?pool_id={made}"),
        ("PUT", f"/v5/accounts/subaccounts/{kid}/ip?ip={IPS[0]}"),
    ):
        assert (await api.call(method, path, key=api.two.key)).status_code == 404, path
    assert (
        await api.call(
            "PATCH",
            "/v3/ips/account/settings",
            key=api.two.key,
            json={"extra_dedicated_ips": {"pool_id": made}},
        )
    ).status_code == 404


async def test_delegation(api: World) -> None:
    kid, key = child(api)
    first, second = await pool(api, IPS[0]), await pool(api, IPS[1], name="other")
    path = f"/v5/accounts/subaccounts/{kid}/ip_pool"
    started = await api.ok("PUT", path, data={"pool_id": first})
    assert (started["message"], len(started["reference_id"])) == ("started", 24)
    assert await api.ok("GET", "/v5/accounts/subaccounts/ip_pools/all") == {
        "items": [{"pool_id": first, "subaccount_id": kid}],
        "total_count": 1,
    }
    (held,) = (await api.ok("GET", "/v3/ip_pools", key=key))["ip_pools"]
    assert (held["pool_id"], held["is_inherited"]) == (first, True)
    for method, where in (("PATCH", "?name=x"), ("DELETE", ""), ("PUT", f"/ips/{IPS[2]}")):
        answer = await api.call(method, f"/v3/ip_pools/{first}{where}", key=key)
        assert answer.json()["message"] == "an IP pool inherited from the parent account can't be changed"
    await api.ok("POST", "/v4/domains", key=key, data={"name": "kid.test", "pool_id": first})
    # A second one takes the place of the first, and its domains send from what there is.
    assert await api.ok("PUT", f"/v3/ip_pools/{second}/delegate", data={"subaccount_id": kid}) == {
        "message": "started"
    }
    await work(api)
    assert (await api.ok("GET", "/v3/domains/kid.test/ips", key=key))["items"] == [IPS[1]]
    (held,) = (await api.ok("GET", "/v3/ip_pools", key=key))["ip_pools"]
    assert (held["pool_id"], held["is_linked"]) == (second, False)
    assert (await api.call("DELETE", path, params={"pool_id": first})).status_code == 400
    assert (await api.ok("DELETE", path, params={"pool_id": second}))["message"] == "started"
    await work(api)
    assert (await api.ok("GET", "/v3/domains/kid.test/ips", key=key))["items"] == [SHARED]
    assert (await api.call("PUT", path, data={})).json() == {"message": "pool_id parameter is missing"}


async def test_spillover(api: World) -> None:
    made, empty = await pool(api, IPS[0]), await pool(api, name="empty")
    for path in ("/v3/ips/account/settings", "/v3/ips/domain/{d}"):
        assert await api.ok("GET", path) == {"extra_dedicated_ips": {"pool_id": ""}}
        wanted = {"extra_dedicated_ips": {"pool_id": made}}
        assert await api.ok("PATCH", path, json=wanted) == {"message": "success"}
        assert await api.ok("GET", path) == wanted
        for wrong, status in ((empty, 400), ("ff", 404)):
            answer = await api.call("PATCH", path, json={"extra_dedicated_ips": {"pool_id": wrong}})
            assert answer.status_code == status
        assert (await api.call("PATCH", path, json={})).status_code == 400
        assert await api.ok("GET", path) == wanted
        for nothing in ("", None):
            await api.ok("PATCH", path, json={"extra_dedicated_ips": {"pool_id": nothing}})
            assert await api.ok("GET", path) == {"extra_dedicated_ips": {"pool_id": ""}}
