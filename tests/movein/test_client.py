"""Patience with the other side, the journal, and what differs between answers."""

import json
import time
from pathlib import Path

import pytest

from postwright.movein import Account, Failed, Journal, OtherMove
from postwright.movein.shadow import differences
from postwright.testing.catcher import Answer, Catcher


async def test_it_waits_when_it_is_told_to() -> None:
    busy = Answer(429, b'{"message":"slow down"}', {"Retry-After": "1"})
    async with Catcher([busy, 503, Answer(200, b'{"items":[]}')]) as server:
        began = time.monotonic()
        async with Account(f"http://127.0.0.1:{server.port}", "key") as account:
            assert await account.get("/v3/x") == {"items": []}
            assert account.waited >= 1.5
        assert time.monotonic() - began >= 1.5
        assert [each.path for each in server.caught] == ["/v3/x"] * 3


async def test_what_is_refused_is_not_repeated_and_says_why() -> None:
    async with Catcher(Answer(401, b'{"message":"Invalid private key"}')) as server:
        async with Account(f"http://127.0.0.1:{server.port}", "key") as account:
            with pytest.raises(Failed, match="GET /v3/x: 401 Invalid private key"):
                await account.get("/v3/x")
        assert len(server.caught) == 1


async def test_links_are_followed_on_the_accounts_own_host_only() -> None:
    body = {"items": [1], "paging": {"next": "https://elsewhere.test/v3/x?page=next&p=1"}}
    async with Catcher([Answer(200, json.dumps(body).encode()), Answer(200, b'{"items":[]}')]) as server:
        async with Account(f"http://127.0.0.1:{server.port}", "key") as account:
            pages = [page async for page in account.pages("/v3/x", {"limit": 1})]
        assert pages == [([1], "/v3/x?page=next&p=1")]
        assert server.caught[1].path == "/v3/x?page=next&p=1"


async def test_no_redirect_takes_the_key_along() -> None:
    async with (
        Catcher() as other,
        Catcher(Answer(302, b"", {"Location": f"http://127.0.0.1:{other.port}/"})) as server,
    ):
        async with Account(f"http://127.0.0.1:{server.port}", "key") as account:
            with pytest.raises(Failed):
                await account.get("/v3/x")
        assert other.caught == []


def test_a_journal_knows_its_move_and_forgives_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, "https://a", "https://b")
    journal.finish("domains one")
    journal.reach("bounces one", "/next")
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"done": "half a li')
    again = Journal(path, "https://a", "https://b")
    assert again.is_done("domains one") and again.place("bounces one") == "/next"
    again.finish("domains two")
    again.close()
    assert Journal(path, "https://a", "https://b").is_done("domains two")
    with pytest.raises(OtherMove, match="from https://a into https://b"):
        Journal(path, "https://other", "https://b")
    (tmp_path / "text").write_text("no json\n")
    with pytest.raises(OtherMove, match="no journal"):
        Journal(tmp_path / "text", "a", "b")


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ({"a": 1}, {"a": 2.5}, []),
        ({"a": 1}, {"a": "1"}, ["$.a: ours number, theirs text"]),
        ({"a": 1, "b": 1}, {"a": 1}, ["$.b: ours alone (number)"]),
        ({}, {"a": None}, ["$.a: theirs alone (null)"]),
        ({"items": [{"x": 1}]}, {"items": [{"x": []}]}, ["$.items[0].x: ours number, theirs array"]),
        ({"items": []}, {"items": [{"x": 1}]}, []),
        ("F", {"message": "Forbidden"}, ["$: ours text, theirs object"]),
    ],
)
def test_differences_of_shape(ours: object, theirs: object, told: list[str]) -> None:
    assert differences(ours, theirs) == told
