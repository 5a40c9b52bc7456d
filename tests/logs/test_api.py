"""Searching events over HTTP: ranges, filters, limits, links, strangers."""

import base64
import json
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

import pytest

from tests.logs.conftest import Log

START = 1_800_000_000
SECOND = 1_000_000


async def five(log: Log) -> None:
    """Events 0 to 4, at whole seconds."""
    for n in range(5):
        await log.happen(n, at=(START + n) * SECOND)


async def refused(log: Log, path: str, **more: Any) -> str:
    answer = await log.api.call("GET", path, **more)
    assert answer.status_code == 400, answer.text
    message: str = answer.json()["message"]
    return message


async def test_newest_first_as_recorded(log: Log) -> None:
    await log.happen(1, at=START * SECOND + 123456, recipient="Bob@x.test", data={"recipient": "Bob@x.test"})
    await log.happen(2, at=(START + 1) * SECOND, name="failed", severity="temporary")
    body = await log.api.ok("GET", "/v3/{d}/events")
    newer, older = body["items"]
    assert older == {
        "event": "delivered",
        "id": older["id"],
        "timestamp": START + 0.123456,
        "log-level": "info",
        "user-variables": {"n": "1"},
        "recipient": "Bob@x.test",
    }
    assert (newer["event"], newer["severity"], newer["log-level"]) == ("failed", "temporary", "warn")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"ascending": "no"}, [4, 3, 2, 1, 0]),
        ({"ascending": "yes"}, [0, 1, 2, 3, 4]),
        ({"begin": 1, "end": 3}, [1, 2, 3]),
        ({"begin": 3, "end": 1}, [3, 2, 1]),
        ({"begin": 1, "end": 3, "ascending": "yes"}, [1, 2, 3]),
        ({"begin": 3, "end": 1, "ascending": "no"}, [3, 2, 1]),
        ({"begin": 2, "end": 2}, [2]),
        ({"begin": 2, "end": 2, "ascending": "no"}, [2]),
        ({"begin": 2}, [2, 3, 4]),
        ({"begin": 2, "ascending": "yes"}, [2, 3, 4]),
        ({"begin": 2, "ascending": "no"}, [2, 1, 0]),
        ({"end": 2}, [4, 3, 2]),
        ({"end": 2, "ascending": "no"}, [4, 3, 2]),
        ({"end": 2, "ascending": "yes"}, [0, 1, 2]),
        ({"begin": 7, "end": 9}, []),
        ({"begin": 1, "end": 3, "limit": 2}, [1, 2]),
        ({"limit": 0}, [4, 3, 2, 1, 0]),
        ({"pretty": "no", "limit": 1}, [4]),
    ],
)
async def test_ranges(log: Log, query: dict[str, Any], found: list[int]) -> None:
    await five(log)
    times = {name: str(START + query[name]) for name in ("begin", "end") if name in query}
    assert await log.find(**(query | times)) == found
    # The same in words.
    words = {name: formatdate(int(epoch)) for name, epoch in times.items()}
    assert await log.find(**(query | words)) == found


async def test_fractions_of_a_second(log: Log) -> None:
    for n in range(4):
        await log.happen(n, at=START * SECOND + n * 250_000)
    assert await log.find(begin=f"{START}.25", end=f"{START}.5") == [1, 2]
    assert await log.find(begin=f"{START}.2500001", ascending="yes") in ([1, 2, 3], [2, 3])


@pytest.mark.parametrize(
    "query",
    [
        {"begin": START, "end": START + 1, "ascending": "no"},
        {"begin": START + 1, "end": START, "ascending": "yes"},
    ],
)
async def test_contradictions(log: Log, query: dict[str, Any]) -> None:
    assert "contradicts" in await refused(log, "/v3/{d}/events", params=query)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("begin=yesterday", "begin parameter is not valid: yesterday is not an RFC-2822 compliant date"),
        ("end=1e400", "end parameter is not valid"),
        ("end=99999999999999999999", "end parameter is not valid"),
        ("ascending=up", "ascending parameter is not valid"),
        ("limit=-1", "limit parameter is not valid"),
        ("limit=ten", "limit parameter is not valid"),
        ("event=accepted%20OR", "Invalid value for 'event'"),
        ("size=big", "Invalid value for 'size'"),
        ("order=(", "Invalid value for 'order'"),
        ("subject=%00", "subject parameter"),
        ("&".join(f"v{n}=1" for n in range(21)), "Invalid value for 'filters'"),
        ("subject=" + "x" * 4097, "Invalid value for 'subject'"),
    ],
)
async def test_nonsense(log: Log, query: str, text: str) -> None:
    assert (await refused(log, f"/v3/{{d}}/events?{query}")).startswith(text)


async def test_limits_are_cut(log: Log) -> None:
    await log.happen(*range(310))
    assert len(await log.find()) == 100
    assert len(await log.find(limit=300)) == len(await log.find(limit=5000)) == 300
    assert len(await log.find(limit=str(2**62))) == 300


FILTERS = [
    ({"event": "delivered"}, [1, 5]),
    ({"event": "accepted OR delivered"}, [0, 1, 5]),
    ({"event": "failed", "severity": "permanent"}, [3]),
    ({"event": "NOT failed"}, [0, 1, 4, 5]),
    ({"recipient": "BOB@x.test"}, [0, 1, 2]),
    ({"recipient": "bob"}, [0, 1, 2]),
    ({"recipient": "x.test"}, [0, 1, 2, 3]),
    ({"recipient": "NOT bob@x.test"}, [3, 4, 5]),
    ({"message-id": "<ABC@mg.test>"}, [0, 1]),
    ({"message-id": "abc@mg.test", "event": "delivered"}, [1]),
    ({"tags": "vip"}, [0, 4]),
    ({"tags": ["vip", "gold"]}, [4]),
    ({"event": ["delivered", "accepted"]}, []),
    ({"event[]": "delivered"}, [1, 5]),
    ({"subject": '"big news" NOT draft'}, [0]),
    ({"size": ">100 <300"}, [2]),
    ({"list": "all@lists.test"}, [5]),
    ({"attachment": "a.pdf"}, [3]),
    ({"from": "ann", "to": "carol"}, [3]),
    ({"recipients": "dave@x.test"}, [1]),
    ({"n": "3"}, [3]),
    ({"nobody": "3"}, []),
    ({"event": "", "subject": ""}, [0, 1, 2, 3, 4, 5]),
]


async def test_filters(log: Log) -> None:
    async def one(n: int, name: str, recipient: str, message_id: str = "other@mg.test", **more: Any) -> None:
        headers = {"message-id": message_id, **more.pop("headers", {})}
        message = {"headers": headers, **more.pop("message", {})}
        data = {"recipient": recipient, "message": message, **more.pop("data", {})}
        await log.happen(n, name=name, recipient=recipient, message_id=message_id, data=data, **more)

    bob, abc = "Bob@X.test", "abc@MG.test"
    await one(0, "accepted", bob, abc, headers={"subject": "Big  News"}, data={"tags": ["VIP"]})
    await one(1, "delivered", bob, abc, message={"recipients": ["dave@x.test"]})
    await one(2, "failed", bob, severity="temporary", message={"size": 200})
    await one(
        3,
        "failed",
        "carol@x.test",
        severity="permanent",
        message={"attachments": [{"filename": "a.pdf"}], "size": 300},
        headers={"from": "Ann <ann@mg.test>", "to": "carol@x.test"},
    )
    draft = {"subject": "Draft: big news"}
    await one(4, "opened", "eve@y.test", data={"tags": ["vip", "gold"]}, headers=draft)
    await one(5, "delivered", "eve@y.test", data={"mailing-list": {"address": "all@lists.test"}})
    for query, found in FILTERS:
        assert await log.find(ascending="yes", **query) == found, query
        # Page by page, where the database and not we may have looked.
        walked, links = await log.get("/v3/{d}/events", params={"ascending": "yes", "limit": 1, **query})
        page = walked
        while page:
            page, links = await log.get(links["next"])
            walked = walked + page
        assert walked == found, query


async def test_strangers(log: Log) -> None:
    await log.happen(1)
    await log.happen(2, tenant=log.api.two)
    assert await log.find() == [1]
    numbers, links = await log.get("/v3/two.example.org/events", key=log.api.two.key)
    assert numbers == [2]
    for path in ("/v3/two.example.org/events", links["first"].removeprefix("https://api.test")):
        answer = await log.api.call("GET", path)
        assert (answer.status_code, answer.json()["message"]) == (404, "Domain not found")
    # A token says where, not whose.
    token = links["last"].partition("?page=")[2]
    assert (await log.get(f"/v3/{{d}}/events/{token}"))[0] == [1]


@pytest.mark.parametrize("role", ["basic", "developer", "sending"])
async def test_roles(log: Log, role: str) -> None:
    more = {"kind": "domain", "domain_name": log.api.one.domain} if role == "sending" else {}
    key = log.api.key(log.api.one.account_id, role, **more)
    answer = await log.api.call("GET", "/v3/{d}/events", key=key)
    assert answer.status_code == (403 if role == "sending" else 200)


async def test_links_in_every_spelling(log: Log) -> None:
    await five(log)
    query = {
        "limit": 2,
        "ascending": "yes",
        "event": "delivered OR accepted",
        "begin": START,
        "end": START + 3,
    }
    first, links = await log.get("/v3/{d}/events", params=query)
    assert first == [0, 1]
    root = f"https://api.test/v3/{log.api.one.domain}/events/"
    for link in links.values():
        path, _, page = link.partition("?page=")
        assert path == root + page and set(page) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
        )
    token = links["next"].partition("?page=")[2]
    expected = await log.get(links["next"])
    assert expected[0] == [2, 3]
    for url in (
        f"/v3/{{d}}/events/{token}",
        f"/v3/{{d}}/events?page={token}",
        f"/v3/{{d}}/events/{token}{quote('?page=' + token, safe='')}",  # java
        f"/v3/{{d}}/events/{token}?page={token}&limit=1",
        f"/v3/{{d}}/events/{token}%3D%3D",
        f"/v3/{{d}}/events?page={token}&event=opened",  # the token is the whole search
    ):
        assert await log.get(url) == expected, url


def made_up(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


TOKENS = [
    "x",
    "%20",
    "%00",
    "%ff",
    "..",
    "a" * 5000,
    made_up(b"\x00\xff"),
    made_up([]),
    made_up({}),
    made_up({"search": {}, "turn": 5}),
    made_up({"search": {}, "at": "now"}),
    made_up({"search": {}, "at": 2**70}),
    made_up({"search": {}, "seq": 1.5}),
    made_up({"search": {"low": -(2**63) - 1}}),
    made_up({"search": {"filters": {"event": ["("]}}}),
    made_up({"search": {"filters": {"size": ["x"]}}}),
    made_up({"search": {"filters": {"event": "accepted"}}}),
    made_up({"search": {"filters": {"recipient": ["a@b\0"]}}}),
    made_up({"search": {"filters": {f"v{n}": ["a"] for n in range(100)}}}),
    made_up(b"[" * 3000),
]


@pytest.mark.parametrize("token", TOKENS)
async def test_made_up_tokens(log: Log, token: str) -> None:
    await log.happen(1)
    for url in (f"/v3/{{d}}/events?page={token}", f"/v3/{{d}}/events/{token}"):
        answer = await log.api.call("GET", url)
        assert answer.status_code in (400, 404), (url[:80], answer.text)
        assert answer.status_code == 400 or "%" in token or token == ".."


@pytest.mark.parametrize(
    "page",
    [
        {"search": {"limit": 10**9}},
        {"search": {"limit": -5}},
        {"search": {}, "turn": "?"},
        {"search": {"low": 5, "high": -5}},
        {"search": {}, "turn": "p", "at": -(2**63), "seq": 2**63 - 1},
        {"search": {"filters": {"event": []}}, "extra": 1},
    ],
)
async def test_odd_tokens_do_no_harm(log: Log, page: Any) -> None:
    await log.happen(*range(400))
    numbers, _ = await log.get(f"/v3/{{d}}/events/{made_up(page)}")
    assert len(numbers) <= 300


@pytest.mark.parametrize("size", [100, 1000, 2000, 4000])
async def test_links_of_long_filters_work(log: Log, size: int) -> None:
    await log.happen(1, 2)
    query = {"limit": 1, "subject": "NOT " + "\u00fc" * (size // 2), "order": f"NOT {'x' * (size // 2)}"}
    answer = await log.api.call("GET", "/v3/{d}/events", params=query)
    if answer.status_code == 400:
        assert answer.json()["message"] == "Invalid value for 'filters': at most 2048 bytes expected together"
        assert size >= 1500
        return
    links = answer.json()["paging"]
    assert all(len(link) <= 8000 for link in links.values())
    assert (await log.get(links["next"]))[0] == [1]
