"""The five forward operations on both databases, and the look-up among many rules."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from postwright import domains, forwards
from postwright.forwards.matching import key
from postwright.forwards.tables import forwards as table
from postwright.kernel.db import Db, Write
from postwright.kernel.http import dates
from tests.world import World, world


@pytest.fixture
async def here(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    async with world(db, tmp_path) as made:
        yield made


async def make(here: World, match: str = "*@one.example.com", **more: Any) -> dict[str, Any]:
    fields = {"match": match, "forward.recipient": "bob@example.net"} | more
    made: dict[str, Any] = await here.ok("POST", "/v3/forwards", data=fields)
    return made


async def matching(here: World, recipient: str) -> list[str]:
    domain = await here.db.read(domains.find, here.one.account_id, here.one.domain)
    assert domain is not None
    return [rule.id for rule in await here.db.read(forwards.matching, domain.id, recipient)]


async def test_a_forward_s_life(here: World) -> None:
    made = await here.ok(
        "POST",
        "/v3/forwards",
        data={
            "match": "Sales-*@One.example.com",
            "forward.url": ["http://h.example/a", "http://h.example/mime"],
            "forward.recipient": ["Bob <bob@example.net>"],
            "forward.store": "http://h.example/stored",
        },
    )
    now = dates.rfc3339(here.clock.now())
    assert made == {
        "id": made["id"],
        "account_id": here.one.account_id,
        "domain_name": here.one.domain,
        "domain_id": made["domain_id"],
        "match": "sales-*@one.example.com",
        "forward": {
            "urls": ["http://h.example/a", "http://h.example/mime"],
            "recipients": ["bob@example.net"],
            "store": "http://h.example/stored",
        },
        "created_at": now,
        "updated_at": now,
    }
    path = f"/v3/forwards/{made['id']}"
    assert await here.ok("GET", path) == made
    assert await matching(here, "sales-1@one.example.com") == [made["id"]]

    here.clock.advance(60)
    changed = await here.ok("PUT", path, params={"match": "*@one.example.com", "forward.store": "no"})
    assert changed["forward"] == made["forward"] | {"store": ""} and changed["match"] == "*@one.example.com"
    assert changed["created_at"] == now and changed["updated_at"] == dates.rfc3339(here.clock.now())
    assert await matching(here, "anybody@one.example.com") == [made["id"]]

    for scope, status in (("two.example.org", 404), (here.one.domain, 200)):
        for method in ("GET", "DELETE"):
            answer = await here.call(method, path, params={"domain.name": scope})
            assert answer.status_code == status, (scope, method)
    assert (await here.call("GET", path)).status_code == 404
    assert (await here.call("DELETE", path)).json() == {"message": "Forward not found"}


async def test_query_instead_of_a_form(here: World) -> None:
    made = await here.ok(
        "POST", "/v3/forwards", params={"match": "a@one.example.com", "forward.url": ["http://h.example/"]}
    )
    assert made["forward"] == {"urls": ["http://h.example/"], "recipients": [], "store": ""}
    stored = await here.ok(
        "POST", "/v3/forwards", data={"match": "b@one.example.com", "forward.store": "true"}
    )
    assert stored["forward"]["store"] == "yes"


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({}, 400, "match parameter is missing"),
        (
            {"match": "nonsense", "forward.recipient": "b@x.com"},
            400,
            "match parameter is not valid: a full address is expected",
        ),
        ({"match": "*@two.example.org", "forward.recipient": "b@x.com"}, 404, "Domain not found"),
        ({"match": "*@sub.one.example.com", "forward.recipient": "b@x.com"}, 404, "Domain not found"),
        ({"match": "*@one.example.com"}, 400, "one of forward.url, forward.recipient and forward.store"),
        ({"match": "*@one.example.com", "forward.url": ["http://h.example/"] * 4}, 400, "at most 3"),
        ({"match": "*@one.example.com", "forward.recipient": ["a@b.com"] * 6}, 400, "at most 5"),
        ({"match": "*@one.example.com", "forward.url": "ftp://h.example/"}, 400, "invalid URL scheme"),
        ({"match": "*@one.example.com", "forward.recipient": "bob"}, 400, "not a valid address"),
        ({"match": "*@one.example.com", "forward.store": "elsewhere"}, 400, "forward.store"),
    ],
)
async def test_bad_input(here: World, fields: dict[str, Any], status: int, said: str) -> None:
    answer = await here.call("POST", "/v3/forwards", data=fields)
    assert answer.status_code == status and said in answer.json()["message"]
    assert (await here.ok("GET", "/v3/forwards"))["items"] == []


async def test_hosts_below_a_domain_that_takes_them(here: World) -> None:
    await here.ok("PUT", "/v3/domains/{d}", data={"wildcard": "yes"})
    made = await make(here, "*@*.one.example.com")
    assert made["domain_name"] == here.one.domain
    assert await matching(here, "x@deep.below.one.example.com") == [made["id"]]
    assert await matching(here, "x@one.example.com") == []


async def test_another_tenant_s_forward_does_not_exist(here: World) -> None:
    made = await make(here)
    for method in ("GET", "PUT", "DELETE"):
        assert (await here.call(method, f"/v3/forwards/{made['id']}", key=here.two.key)).status_code == 404
    assert (await here.ok("GET", "/v3/forwards", key=here.two.key))["items"] == []
    assert await here.ok("GET", f"/v3/forwards/{made['id']}") == made


async def test_pages(here: World) -> None:
    ids = sorted([(await make(here, f"a{n}@one.example.com"))["id"] for n in range(5)])
    seen = []
    url = "/v3/forwards?limit=2&domain.name=one.example.com"
    for _ in range(4):
        page = await here.ok("GET", url)
        assert set(page["paging"]) == {"first", "next", "previous", "last"}
        seen.append([item["id"] for item in page["items"]])
        url = page["paging"]["next"]
        assert (
            "limit=2" in url
            and "domain.name=one.example.com" in url
            and url.startswith("https://api.test/v3/")
        )
    assert seen == [ids[:2], ids[2:4], ids[4:], []]
    back = await here.ok("GET", page["paging"]["previous"])
    assert [item["id"] for item in back["items"]] == ids[3:]
    last = await here.ok("GET", page["paging"]["last"])
    assert last["items"] == back["items"]
    assert (await here.call("GET", "/v3/forwards?page=nonsense!")).status_code == 400
    assert (await here.call("GET", "/v3/forwards?domain.name=two.example.org")).status_code == 404


async def test_a_deleted_domain_s_forwards_go(here: World) -> None:
    made = await make(here)
    await here.db.write(forwards.forget_domain, made["domain_id"])
    assert (await here.call("GET", f"/v3/forwards/{made['id']}")).status_code == 404


def _fill(tx: Write, account_id: str, domain_id: str, count: int) -> None:
    rows = []
    for number in range(count):
        kinds = (f"user{number}", f"team{number}-*", f"*-{number}", f"*x{number}y*")
        match = f"{kinds[number % 4]}@one.example.com"
        rows.append(
            {
                "id": f"{number:024x}",
                "account_id": account_id,
                "domain_id": domain_id,
                "domain_name": "one.example.com",
                "match": match,
                "match_key": key(match),
                "targets": b'{"urls":["http://h.example/"]}',
                "created_at": 1,
                "updated_at": 1,
            }
        )
    tx.run(insert(table), rows)


async def test_a_hundred_thousand_rules(here: World) -> None:
    """A look-up may not read all rules: with them all it takes no longer than a few milliseconds."""
    domain = await here.db.read(domains.find, here.one.account_id, here.one.domain)
    assert domain is not None
    await here.db.write(_fill, here.one.account_id, domain.id, 100_000)
    for recipient, number in (
        ("user50000", 50000),
        ("team50001-sales", 50001),
        ("any-50002", 50002),
        ("ax50003yb", 50003),
    ):
        found = await here.db.read(forwards.matching, domain.id, f"{recipient}@one.example.com")
        assert [rule.id for rule in found] == [f"{number:024x}"]
    each = []
    for number in range(20):
        begun = time.perf_counter()
        await here.db.read(forwards.matching, domain.id, f"somebody-else-{number}x@one.example.com")
        each.append(time.perf_counter() - begun)
    print(f"look-up among 100,000 rules: {min(each) * 1e6:.0f} µs")
    assert min(each) < 0.03  # reading all of them takes longer than that by far
