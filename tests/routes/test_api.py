"""The six route operations, on both databases, and what the official client makes of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright.kernel.db import Db
from postwright.kernel.http import dates
from postwright.routes import Forward, Router, Store
from tests.world import World, world

NEW = {
    "priority": "1",
    "description": "Sample",
    "expression": 'match_recipient("(.*)@one.example.com")',
    "action": ['forward("http://myhost.com/messages/")', "stop()"],
}


@pytest.fixture
async def here(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    async with world(db, tmp_path) as made:
        yield made


async def make(here: World, **more: Any) -> dict[str, Any]:
    return (await here.ok("POST", "/v3/routes", data=NEW | more))["route"]


async def test_a_route_s_life(here: World) -> None:
    made = await here.ok("POST", "/v3/routes", data=NEW)
    assert made["message"] == "Route has been created"
    route = made["route"]
    assert route == {
        "id": route["id"],
        "priority": 1,
        "description": "Sample",
        "expression": NEW["expression"],
        "actions": NEW["action"],
        "created_at": dates.gmt(here.clock.now()),
    }
    assert len(route["id"]) == 24 and route["created_at"].endswith(" GMT")
    path = f"/v3/routes/{route['id']}"
    assert await here.ok("GET", path) == {"route": route}
    assert await here.ok("GET", "/v3/routes") == {"items": [route], "total_count": 1}

    # Only what is given changes; actions are replaced as a whole; flat and nested.
    changed = await here.ok("PUT", path, data={"priority": "7", "action": ["store()"]})
    expected = route | {"priority": 7, "actions": ["store()"]}
    assert changed == expected | {"message": "Route has been updated", "route": expected}
    assert await here.ok("PUT", path, data={"description": ""}) == expected | {
        "description": "",
        "message": "Route has been updated",
        "route": expected | {"description": ""},
    }
    assert (await here.ok("PUT", path))["priority"] == 7

    assert await here.ok("DELETE", path) == {"id": route["id"], "message": "Route has been deleted"}
    for method in ("GET", "PUT", "DELETE"):
        gone = await here.call(method, path)
        assert (gone.status_code, gone.json()) == (404, {"message": "Route not found"})
    assert await here.ok("GET", "/v3/routes") == {"items": [], "total_count": 0}


async def test_clients_spellings(here: World) -> None:
    """multipart with `action[0]`, `action[]`, one lone action, JSON; defaults."""
    first = await here.ok(
        "POST",
        "/v3/routes",
        files=[
            ("expression", (None, "catch_all()")),
            ("action[0]", (None, "stop()")),
            ("action[1]", (None, "store()")),
        ],
    )
    assert first["route"]["actions"] == ["stop()", "store()"] and first["route"]["priority"] == 0
    second = await here.ok("POST", "/v3/routes", data={"expression": "catch_all()", "action[]": "stop()"})
    assert second["route"]["actions"] == ["stop()"]
    third = await here.ok("POST", "/v3/routes/", json={"expression": "catch_all()", "action": "stop()"})
    assert third["route"]["actions"] == ["stop()"]
    assert (await here.ok("POST", "/v3/routes", data={"expression": "catch_all()"}))["route"]["actions"] == []


async def test_order_and_pages(here: World) -> None:
    ids = []
    for priority in ("5", "0", "5", "-1"):
        here.clock.advance(1)
        ids.append((await make(here, priority=priority))["id"])
    order = [ids[3], ids[1], ids[0], ids[2]]
    listed = await here.ok("GET", "/v3/routes")
    assert [route["id"] for route in listed["items"]] == order
    page = await here.ok("GET", "/v3/routes", params={"skip": "1", "limit": "2"})
    assert [route["id"] for route in page["items"]] == order[1:3] and page["total_count"] == 4
    assert (await here.ok("GET", "/v3/routes", params={"skip": "9"}))["items"] == []
    large = await here.call("GET", "/v3/routes", params={"limit": "1001"})
    assert (large.status_code, large.json()["message"]) == (
        400,
        "The 'limit' parameter can't be larger than 1000",
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"expression": ""}, "expression parameter is missing"),
        (
            {"expression": "match_recipient('('"},
            "expression parameter is not valid: expected ')' at character 20",
        ),
        ({"expression": "match_recipient('(')"}, "bad regular expression at character 17"),
        ({"action": ["explode()"]}, "action parameter is not valid"),
        ({"action": [r"forward('http://\1/')"]}, "captures must not be in the host part"),
        ({"priority": "many"}, "priority parameter is not valid"),
        ({"priority": "99999999999"}, "priority parameter is not valid"),
        ({"description": "x" * 4001}, "description parameter is longer"),
        ({"action": ["stop()"] * 51}, "at most 50 actions"),
    ],
)
async def test_bad_input_changes_nothing(here: World, fields: dict[str, Any], said: str) -> None:
    refused = await here.call("POST", "/v3/routes", data=NEW | fields)
    assert refused.status_code == 400 and said in refused.json()["message"]
    assert (await here.ok("GET", "/v3/routes"))["total_count"] == 0
    route = await make(here)
    if fields != {"expression": ""}:
        changed = await here.call("PUT", f"/v3/routes/{route['id']}", data=fields)
        assert changed.status_code == 400
    assert await here.ok("GET", f"/v3/routes/{route['id']}") == {"route": route}


async def test_another_tenant_s_route_does_not_exist(here: World) -> None:
    route = await make(here)
    for method in ("GET", "PUT", "DELETE"):
        answer = await here.call(
            method, f"/v3/routes/{route['id']}", key=here.two.key, data={"priority": "9"}
        )
        assert answer.status_code == 404, method
    match = await here.call(
        "GET", "/v3/routes/match", params={"address": "a@one.example.com"}, key=here.two.key
    )
    assert match.status_code == 404
    assert await here.ok("GET", f"/v3/routes/{route['id']}") == {"route": route}


async def test_roles(here: World) -> None:
    basic = here.key(here.one.account_id, "basic")
    assert (await here.call("GET", "/v3/routes", key=basic)).status_code == 200
    assert (await here.call("POST", "/v3/routes", key=basic, data=NEW)).status_code == 403
    assert (await here.call("GET", "/v3/routes", key="wrong")).status_code == 401


async def test_match(here: World) -> None:
    async def match(address: str) -> Any:
        answer = await here.call("GET", "/v3/routes/match", params={"address": address})
        return answer.json().get("route", {}).get("id") if answer.status_code == 200 else answer.status_code

    assert await match("bob@one.example.com") == 404
    header = await make(here, expression='match_header("subject", ".*")', priority="0")
    exact = await make(here, expression='match_recipient("bob@one.example.com")', priority="2")
    every = await make(here, expression="catch_all()", priority="3")
    assert await match("bob@one.example.com") == exact["id"]
    assert await match("Bob <BOB@one.example.com>") == exact["id"]
    assert await match("eve@one.example.com") == every["id"]
    assert await match("nonsense") == 400
    assert header["id"] != exact["id"]


async def test_the_router(here: World) -> None:
    """All routes in order until stop(); captures in actions; changes hold at once, in every process."""
    router, other = Router(), Router()
    account = here.one.account_id
    headers = [("Subject", "Hello"), ("To", "x@y.z")]

    async def taken(recipient: str = "bob@one.example.com") -> list[tuple[str, list[Any]]]:
        found = await here.db.read(router.hits, account, recipient, headers)
        again = await here.db.read(other.hits, account, recipient, headers)
        assert found == again
        return [(hit.route.description, hit.actions) for hit in found]

    assert await taken() == [] and not await here.db.read(router.may_match, account, "bob@one.example.com")
    await make(
        here,
        description="a",
        priority="0",
        expression='match_recipient("(?P<user>.*)@one.example.com") and match_header("subject", "(.*)")',
        action=[
            r'forward("http://h.example/\1/\g<user>, \g<user>@example.net")',
            'store(notify="http://n.example/")',
        ],
    )
    last = await make(here, description="c", priority="9", expression="catch_all()", action=["store()"])
    a = ("a", [Forward(["http://h.example/bob/bob", "bob@example.net"]), Store("http://n.example/")])
    assert await taken() == [a]
    assert await taken("bob@elsewhere.example") == [("c", [Store()])]
    middle = await make(
        here, description="b", priority="5", expression='match_recipient("bob")', action=["stop()"]
    )
    assert await taken() == [a, ("b", [])]
    await here.ok("PUT", f"/v3/routes/{last['id']}", data={"expression": 'match_recipient(".*")'})
    assert await taken() == [a, ("b", [])]  # stopped
    await here.ok("DELETE", f"/v3/routes/{middle['id']}")
    assert await taken() == [a, ("c", [Store()])]
    assert await here.db.read(router.may_match, account, "eve@one.example.com")
    assert await here.db.read(router.hits, here.two.account_id, "bob@one.example.com", headers) == []


async def test_trying_routes_out(here: World) -> None:
    await make(here, action=['forward("https://hooks.example.org/\\1")', "stop()"])
    await make(
        here, priority="2", expression='match_header("subject", "invoice (?P<n>[0-9]+)")', action=["store()"]
    )
    ask = {"recipient": "Bob <bob@one.example.com>", "headers": {"Subject": "Invoice 12"}}
    told = await here.ok("POST", "/postwright/v1/routes/test", json=ask)
    # The first one stops; what it caught stands in its destination.
    assert [hit["actions"] for hit in told["items"]] == [['forward("https://hooks.example.org/bob")']]
    assert (told["recipient"], told["draft_matches"]) == ("bob@one.example.com", False)
    elsewhere = ask | {"recipient": "eve@two.example.org"}
    told = await here.ok("POST", "/postwright/v1/routes/test", json=elsewhere)
    assert [hit["actions"] for hit in told["items"]] == [["store()"]]
    draft = {
        "expression": 'match_header("subject", "([0-9]+)")',
        "action": ['forward("n\\1@example.org")', "stop()"],
    }
    told = await here.ok("POST", "/postwright/v1/routes/test", json=elsewhere | draft)
    assert told["draft_matches"] and told["draft_actions"] == ['forward("n12@example.org")', "stop()"]
    told = await here.ok("POST", "/postwright/v1/routes/test", json=ask | {"headers": {}} | draft)
    assert not told["draft_matches"] and told["draft_actions"] == []
    # Nobody else's routes; and what is wrong is said.
    told = await here.ok("POST", "/postwright/v1/routes/test", json=ask, key=here.two.key)
    assert told["items"] == []
    for wrong in ({"recipient": "nobody"}, {"recipient": "a@b.example", "expression": "match_it()"}):
        answer = await here.call("POST", "/postwright/v1/routes/test", json=wrong)
        assert answer.status_code == 400 and answer.json()["message"]
