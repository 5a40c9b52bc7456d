"""The three dialects of paging."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.kernel.errors import Refused
from postwright.kernel.http import paging
from postwright.kernel.http.forms import decode


class Clamped(paging.Limit, kw_only=True):
    default = 10
    most = 300
    clamps = True


class Addresses(paging.Pivot, kw_only=True):
    address: str | None = None


def test_limit_and_skip() -> None:
    assert decode(paging.Offset) == paging.Offset(limit=100, skip=0)
    assert decode(paging.Offset, b"limit=1000&skip=5") == paging.Offset(limit=1000, skip=5)
    assert decode(paging.Offset, b"limit=0").limit == 100
    assert decode(Clamped, b"limit=999").limit == 300
    assert decode(Clamped).limit == 10


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (b"limit=1001", "The 'limit' parameter can't be larger than 1000"),
        (b"limit=-1", "limit parameter is not valid: it can't be negative"),
        (b"skip=-1", "skip parameter is not valid: it can't be negative"),
        (b"limit=abc", "limit parameter is not valid: a whole number expected"),
        (b"limit=99999999999999999999", "limit parameter is not valid: a whole number expected"),
    ],
)
def test_bad_limits(query: bytes, text: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(paging.Offset, query)
    assert (refused.value.status, refused.value.text) == (400, text)


ROWS = sorted(f"{letter}+{number}@example.com" for letter in "abc" for number in range(3))


def page(query: str) -> tuple[list[str], paging.Links]:
    """A list of addresses, as a store and a handler would make it."""
    fields: Addresses = decode(Addresses, query.encode())
    turn = fields.turn(fields.address)
    rows = sorted(ROWS, reverse=turn.backwards)
    if turn.pivot is not None:
        rows = [r for r in rows if (r < turn.pivot if turn.backwards else r > turn.pivot)]
    found = turn.in_order(rows[: turn.limit])
    return found, paging.pivot_links("http://h/v3/d/bounces", turn, "address", found, {"term": ""})


def follow(link: str) -> tuple[list[str], paging.Links]:
    return page(urlsplit(link).query)


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 50])
def test_links_lead_through_the_list_and_back(limit: int) -> None:
    items, links = page(f"limit={limit}")
    there: list[str] = []
    while items:
        there += items
        items, links = follow(links.next)
    assert there == ROWS
    assert follow(links.next)[0] == []  # still the end
    items, links = follow(links.previous)
    back: list[str] = []
    while items:
        back = items + back
        items, links = follow(links.previous)
    assert back == ROWS
    assert follow(links.next)[0] == ROWS[:limit]
    assert follow(links.last)[0] == ROWS[-limit:]
    assert follow(links.first)[0] == ROWS[:limit]


@pytest.mark.parametrize(
    "query", ["", "page=next&address=zzz", "page=previous&address=a", "page=last", "page=prev"]
)
def test_links_are_always_four_absolute_urls_with_a_query(query: str) -> None:
    _, links = page(query)
    for link in (links.first, links.next, links.previous, links.last):
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc, parts.path) == ("http", "h", "/v3/d/bounces")
        assert parse_qs(parts.query, keep_blank_values=True)["term"] == [""]


def test_an_unknown_page_is_refused() -> None:
    with pytest.raises(Refused, match="page parameter is not valid: one of"):
        page("page=middle")


def test_urls_are_escaped() -> None:
    assert (
        paging.url("http://h", "v3", "lists", "a b/c@d.e", "members")
        == "http://h/v3/lists/a%20b%2Fc@d.e/members"
    )
    assert paging.url("http://h", "x", query={"a": "1&2"}) == "http://h/x?a=1%262"


class Position(msgspec.Struct, array_like=True):
    after: int
    text: str
    filters: dict[str, list[str]] = {}


@given(st.integers(-(2**63), 2**63 - 1), st.text().filter(lambda t: "\0" not in t))
def test_a_token_brings_its_position_back(after: int, text: str) -> None:
    made = Position(after, text, {"event": [text]})
    token = paging.token(made)
    assert paging.position(token, Position) == made
    assert paging.position(token + "?page=" + token, Position) == made
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()


@pytest.mark.parametrize(
    "token",
    ["", "x", "!!!!", "äöü", encoded([1]), encoded(["a", "b"]), encoded({"after": 1}), encoded([1, "\0"]),
     encoded([2**63, "a"]), encoded([1, "a", {"e": ["\0"]}]), "A" * 5_000,
     base64.urlsafe_b64encode(b"[" * 2_000).decode()],
)  # fmt: skip
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(Refused) as refused:
        paging.position(token, Position)
    assert (refused.value.status, refused.value.text) == (400, "Invalid paging token")


@given(st.text(max_size=40))
def test_garbage_tokens(token: str) -> None:
    try:
        paging.position(token, Position)
    except Refused as refused:
        assert refused.status == 400


def test_token_links() -> None:
    at: list[Any] = [Position(n, "x") for n in range(4)]
    links = paging.token_links(
        "http://h/v3/d/events", first=at[0], next=at[1], previous=at[2], last=at[3], in_path=True
    )
    token = paging.token(at[1])
    assert links.next == f"http://h/v3/d/events/{token}?page={token}"
    links = paging.token_links("http://h/v1/keys", first=at[0], next=at[1], previous=at[2], last=at[3])
    assert links.next == f"http://h/v1/keys?page={token}"
