"""Mailing list operations over HTTP: exact answers, paging, uploads, strangers."""

import json
import re
from typing import Any

import pytest

from postwright.lists import Uploader
from tests.world import World

DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000")
LIST = "news@one.example.com"
PATH = f"/v3/lists/{LIST}"


async def _list(api: World, **more: Any) -> Any:
    return await api.ok("POST", "/v3/lists", data={"address": LIST} | more)


async def _events(api: World, name: str) -> list[dict[str, Any]]:
    return (await api.ok("GET", f"/v3/{{d}}/events?event={name}&ascending=yes&limit=300"))["items"]


async def test_the_life_of_a_list(api: World) -> None:
    made = await _list(api, address=f"News <{LIST.title()}>", description="d", access_level="members")
    assert made["message"] == "Mailing list has been created"
    shown = made["list"]
    assert DATE.fullmatch(shown.pop("created_at"))
    assert shown == {
        "address": LIST,
        "name": "News",
        "description": "d",
        "access_level": "members",
        "reply_preference": "list",
        "members_count": 0,
        "list-id": "news.one.example.com",
    }
    twice = await api.call("POST", "/v3/lists", data={"address": LIST})
    assert (twice.status_code, twice.json()) == (400, {"message": "Duplicate object"})
    changed = await api.ok(
        "PUT", PATH, data={"name": "N", "reply_reference": "sender", "list-id": "<n.example.com>"}
    )
    assert changed["message"] == "Mailing list has been updated"
    assert (changed["list"]["name"], changed["list"]["reply_preference"]) == ("N", "sender")
    assert changed["list"]["list-id"] == "n.example.com"
    assert (await api.ok("PUT", PATH, data={"address": "b@one.example.com"}))["list"]["address"][0] == "b"
    gone = await api.call("GET", PATH)
    assert (gone.status_code, gone.json()) == (404, {"message": f"Mailing list {LIST} not found"})
    assert (await api.ok("GET", "/v3/lists"))["total_count"] == 1
    assert await api.ok("DELETE", "/v3/lists/b@one.example.com") == {
        "address": "b@one.example.com",
        "message": "Mailing list has been removed",
    }
    assert await api.ok("GET", "/v3/lists") == {"items": [], "total_count": 0}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"address": ""}, "address parameter is missing"),
        ({"address": "nonsense"}, "address parameter is not a valid address. please check documentation"),
        ({"address": "a@elsewhere.example"}, "domain elsewhere.example does not belong to this account"),
        ({"address": "a@two.example.org"}, "domain two.example.org does not belong to this account"),
        (
            {"access_level": "x"},
            "Invalid access level 'x'. It can be any of: 'readonly', 'members', 'everyone'.",
        ),
        (
            {"reply_preference": "x"},
            "Invalid reply preference 'x'. It can be any of: 'sender', 'list'",
        ),
    ],
)
async def test_bad_lists(api: World, fields: dict[str, str], message: str) -> None:
    answer = await api.call("POST", "/v3/lists", data={"address": LIST} | fields)
    assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert (await api.ok("GET", "/v3/lists"))["total_count"] == 0


async def test_the_life_of_a_member(api: World) -> None:
    await _list(api)
    made = await api.ok(
        "POST", f"{PATH}/members", data={"address": "Bob <Bob@Example.net>", "vars": '{"age": 26}'}
    )
    member = {"address": "bob@example.net", "name": "Bob", "subscribed": True, "vars": {"age": 26}}
    assert made == {"member": member, "message": "Mailing list member has been created"}
    assert await api.ok("GET", f"{PATH}/members/BOB@example.net") == {"member": member}
    twice = await api.call("POST", f"{PATH}/members", data={"address": "bob@example.net"})
    assert (twice.status_code, twice.json()["message"]) == (400, "Address already exists 'bob@example.net'")
    again = await api.ok(
        "POST", f"{PATH}/members", data={"address": "bob@example.net", "upsert": "yes", "subscribed": "no"}
    )
    assert again["member"] == member | {"name": "", "subscribed": False, "vars": {}}
    assert (await api.ok("GET", PATH))["list"]["members_count"] == 1
    changed = await api.ok(
        "PUT", f"{PATH}/members/bob@example.net", data={"address": "b@example.net", "vars": "{}", "name": "B"}
    )
    assert changed["message"] == "Mailing list member has been updated"
    assert changed["member"] == {"address": "b@example.net", "name": "B", "subscribed": False, "vars": {}}
    assert await api.ok("DELETE", f"{PATH}/members/b@example.net") == {
        "member": {"address": "b@example.net"},
        "message": "Mailing list member has been deleted",
    }
    for method in ("GET", "PUT", "DELETE"):
        answer = await api.call(method, f"{PATH}/members/b@example.net")
        assert answer.status_code == 404
        assert answer.json() == {"message": f"Member b@example.net of mailing list {LIST} not found"}
    assert (await api.ok("GET", PATH))["list"]["members_count"] == 0
    for fields in (
        {"address": "x"},
        {"address": "a@b.co", "vars": "nonsense"},
        {"address": "a@b.co", "vars": "[1]"},
    ):
        assert (await api.call("POST", f"{PATH}/members", data=fields)).status_code == 400


async def test_pages(api: World) -> None:
    for name in "abc":
        await api.ok("POST", "/v3/lists", data={"address": f"{name}@one.example.com"})
    page = await api.ok("GET", "/v3/lists/pages?limit=2")
    assert [each["address"][0] for each in page["items"]] == ["a", "b"]
    page = await api.ok("GET", page["paging"]["next"])
    assert [each["address"][0] for each in page["items"]] == ["c"]
    assert (await api.ok("GET", "/v3/lists?skip=1&limit=1"))["items"][0]["address"][0] == "b"
    members = "/v3/lists/a@one.example.com/members"
    for name in "vwxyz":
        await api.ok(
            "POST",
            members,
            data={"address": f"{name}@example.net", "subscribed": "no" if name == "x" else "yes"},
        )
    page = await api.ok("GET", f"{members}/pages?limit=2&subscribed=yes")
    seen = [each["address"][0] for each in page["items"]]
    page = await api.ok("GET", page["paging"]["next"])
    assert [*seen, *(each["address"][0] for each in page["items"])] == ["v", "w", "y", "z"]
    assert [e["address"][0] for e in (await api.ok("GET", page["paging"]["previous"]))["items"]] == ["v", "w"]
    found = await api.ok("GET", f"{members}?subscribed=no")
    assert found["total_count"] == 1 and found["items"][0]["address"] == "x@example.net"
    assert (await api.ok("GET", f"{members}?limit=2&skip=3"))["items"][1]["address"] == "z@example.net"
    assert len((await api.ok("GET", f"{members}?limit=5000"))["items"]) == 5


async def test_small_json_uploads_are_done_at_once(api: World) -> None:
    await _list(api)
    await api.ok("POST", f"{PATH}/members", data={"address": "old@example.net"})
    entries = [
        "Ann <ann@example.net>",
        {"address": "bob@example.net", "name": "Bob", "vars": {"x": 1}, "subscribed": False},
        {"address": "carl@example.net", "vars": '{"y": "2"}'},
        "old@example.net",
        "nonsense",
        {"name": "no address"},
        7,
    ]
    done = await api.ok("POST", f"{PATH}/members.json", data={"members": json.dumps(entries)})
    assert done["message"] == "Mailing list has been updated" and done["list"]["members_count"] == 4
    members = {each["address"]: each for each in (await api.ok("GET", f"{PATH}/members"))["items"]}
    assert members["ann@example.net"]["name"] == "Ann" and members["ann@example.net"]["subscribed"]
    assert members["bob@example.net"] == entries[1] and members["carl@example.net"]["vars"] == {"y": "2"}
    uploaded = await _events(api, "list_member_uploaded")
    assert [e["member"]["address"] for e in uploaded] == [
        "ann@example.net",
        "bob@example.net",
        "carl@example.net",
    ]
    errors = await _events(api, "list_member_upload_error")
    assert [e["member-description"] for e in errors][:2] == ["old@example.net", "nonsense"] and len(
        errors
    ) == 4
    (end,) = await _events(api, "list_uploaded")
    assert (end["upserted-count"], end["failed-count"], end["is-upsert"]) == (3, 4, False)
    assert end["task-id"] == done["task-id"] and end["mailing-list"] == {"address": LIST}
    # The same as query (as some clients send it), as JSON body, and with upsert.
    await api.ok("POST", f"{PATH}/members.json", params={"members": '["old@example.net"]', "upsert": "true"})
    more = await api.ok("POST", f"{PATH}/members.json", json={"members": [{"address": "dan@example.net"}]})
    assert more["list"]["members_count"] == 5
    for bad in ("{", '{"a": 1}', json.dumps(["a@b.co"] * 1001)):
        answer = await api.call("POST", f"{PATH}/members.json", data={"members": bad})
        assert answer.status_code == 400, answer.text


async def test_large_uploads_run_in_the_background_and_tell_how_far_they_are(api: World) -> None:
    await _list(api)
    rows = "".join(f'u{n}@example.net,N{n},yes,"{{""n"": {n}}}"\n' for n in range(1200))
    file = f"Address,name,subscribed,vars\n{rows}broken,,,\n"
    begun = await api.ok(
        "POST", f"{PATH}/members.csv", data={"upsert": "yes"}, files={"members": ("m.csv", file, "text/csv")}
    )
    assert begun["message"] == "Mailing list upload started in background"
    where = f"/postwright/v1/lists/{LIST}/uploads/{begun['task-id']}"
    uploader = Uploader(api.db, api.clock)
    assert (await api.ok("GET", where))["processed"] == 0
    assert await uploader.step()
    half = await api.ok("GET", where)
    assert (half["state"], half["total"], half["processed"]) == ("running", 1201, 500)
    while await uploader.step():
        pass
    done = await api.ok("GET", where)
    assert (done["state"], done["upserted-count"], done["failed-count"]) == ("done", 1200, 1)
    assert (await api.ok("GET", PATH))["list"]["members_count"] == 1200
    member = (await api.ok("GET", f"{PATH}/members/u7@example.net"))["member"]
    assert member == {"address": "u7@example.net", "name": "N7", "subscribed": True, "vars": {"n": 7}}
    assert len(await _events(api, "list_uploaded")) == 1
    assert (await api.call("GET", where, key=api.two.key)).status_code == 404
    big = {"members": ("m.csv", "address\n" + "x" * (5 * 1024 * 1024), "text/csv")}
    answer = await api.call("POST", f"{PATH}/members.csv", files=big)
    assert answer.json()["message"] == "CSV file is too big, max allowed size is 5 MB"
    missing = await api.call("POST", "/v3/lists/x@one.example.com/members.json", data={"members": "[]"})
    assert missing.json() == {"message": "Mailing list 'x@one.example.com' not found"}


async def test_strangers(api: World) -> None:
    await _list(api)
    await api.ok("POST", f"{PATH}/members", data={"address": "a@b.co"})
    for method, path in (
        ("GET", PATH),
        ("DELETE", PATH),
        ("GET", f"{PATH}/members"),
        ("DELETE", f"{PATH}/members/a@b.co"),
    ):
        assert (await api.call(method, path, key=api.two.key)).status_code == 404
    assert (await api.ok("GET", "/v3/lists", key=api.two.key))["items"] == []
    assert (await api.ok("GET", PATH))["list"]["members_count"] == 1
