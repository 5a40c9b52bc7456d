"""The audit log: what a change leaves behind, and who may read it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from postwright import audit
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, Write
from tests.world import World, world

WHO = audit.Actor("command line", "root", "")
PATH = "/postwright/v1/audit"


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    async with world(db, tmp_path) as made:
        yield made


async def note(api: World, action: str = "queue.pause", object: str = "x", **more: Any) -> None:
    who = more.pop("who", WHO)
    api.clock.advance(1)
    await api.db.write(audit.record, api.clock.now(), api.one.account_id, who, action, object, **more)


async def test_a_record_says_who_what_when_from_where_and_how_it_was(api: World) -> None:
    who = audit.Actor("key", "k-1", "192.0.2.7")
    await note(api, who=who, before={"state": "on"}, after={"state": "off", "n": 3})
    (item,) = (await api.ok("GET", PATH))["items"]
    assert item["by"] == {"kind": "key", "id": "k-1", "address": "192.0.2.7"}
    assert (item["action"], item["object"]) == ("queue.pause", "x")
    assert (item["before"], item["after"]) == ({"state": "on"}, {"state": "off", "n": 3})
    assert item["at"].endswith("+00:00")


async def test_a_change_taken_back_leaves_no_record(api: World) -> None:
    def change(tx: Write) -> None:
        audit.record(tx, api.clock.now(), api.one.account_id, WHO, "a.b", "c")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await api.db.write(change)
    assert (await api.ok("GET", PATH))["items"] == []


async def test_secrets_are_not_recorded_and_large_changes_are_cut(api: World) -> None:
    secret = {
        "password": "p",
        "api_key": "k",
        "nested": [{"Signing-Key": "s", "name": "n"}],
        "public_key": "pub",
    }
    await note(api, after=secret, before={"text": "x" * 100_000})
    (item,) = (await api.ok("GET", PATH))["items"]
    assert item["after"]["nested"][0]["name"] == "n" and item["after"]["public_key"] == "pub"
    assert {
        item["after"]["password"],
        item["after"]["api_key"],
        item["after"]["nested"][0]["Signing-Key"],
    } == {"(not recorded)"}
    assert item["before"] == {"too large to record": 100_011}


async def test_filters_and_pages(api: World) -> None:
    for number in range(7):
        await note(api, "a.odd" if number % 2 else "a.even", f"o{number}")
    asked = await api.ok("GET", PATH, params={"action": "a.even"})
    assert [item["object"] for item in asked["items"]] == ["o6", "o4", "o2", "o0"]
    page = await api.ok("GET", PATH, params={"limit": "3"})
    walked: list[list[str]] = []
    while page["items"]:
        walked.append([item["object"] for item in page["items"]])
        link = urlsplit(page["paging"]["next"])
        page = await api.ok("GET", f"{link.path}?{link.query}")
    assert walked == [["o6", "o5", "o4"], ["o3", "o2", "o1"], ["o0"]]
    back = urlsplit(page["paging"]["previous"])
    page = await api.ok("GET", f"{back.path}?{back.query}")
    assert [item["object"] for item in page["items"]] == ["o2", "o1", "o0"]
    last = urlsplit(page["paging"]["last"])
    assert (await api.ok("GET", f"{last.path}?{last.query}"))["items"][-1]["object"] == "o0"


@pytest.mark.parametrize("page", ["x", "eyJsaW1pdCI6MH0", "eyJ4Ijp7ImlkIjoiMSJ9fQ"])
async def test_a_page_that_we_did_not_make_is_refused(api: World, page: str) -> None:
    assert (await api.call("GET", PATH, params={"page": page})).status_code == 400


async def test_only_admins_read_and_only_their_own(api: World) -> None:
    await note(api)
    assert (await api.ok("GET", PATH, key=api.two.key))["items"] == []
    for role in ("developer", "basic"):
        key = api.key(api.one.account_id, role)
        assert (await api.call("GET", PATH, key=key)).status_code == 403


async def test_old_records_go(api: World) -> None:
    await note(api)
    assert await api.db.write(audit.expire, api.clock.now()) == 0
    assert await api.db.write(audit.expire, api.clock.now() + SECOND) == 1
    assert (await api.ok("GET", PATH))["items"] == []
