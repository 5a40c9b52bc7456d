"""Limits of requests, as clients see them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postwright.accounts.rates import MESSAGES, SUPPRESSIONS, RateLimited, Rates
from postwright.accounts.roles import Area
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from tests.world import World, world

MINUTE = 60 * SECOND


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    """An installation with limits."""
    async with world(db, tmp_path, rate_limits="on") as made:
        made.clock.advance(60 - made.clock.now() / SECOND % 60)  # at the beginning of a window
        yield made


async def test_suppressions_tell_how_many_are_left(api: World) -> None:
    first = await api.call("GET", "/v3/{d}/bounces")
    second = await api.call("GET", "/v3/{d}/complaints")
    assert (first.headers["x-request-limit"], first.headers["x-request-remaining"]) == ("2500", "2499")
    assert second.headers["x-request-remaining"] == "2498"
    reset = int(first.headers["x-request-reset"])
    assert 0 < reset / 1000 - api.clock.now() / SECOND <= 60  # milliseconds


async def test_too_many_requests(api: World) -> None:
    for _ in range(300):
        assert (await api.call("GET", "/v4/domains")).status_code == 200
    refused = await api.call("GET", "/v4/domains")
    assert refused.status_code == 429
    wait = int(refused.headers["retry-after"])
    assert 0 < wait <= 60 and refused.json()["retry-seconds"] == wait
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert (await api.call("GET", "/v4/domains", key=api.two.key)).status_code == 200
    api.clock.advance(wait)
    assert (await api.call("GET", "/v4/domains")).status_code == 200


async def test_no_limits_unless_they_are_on(db: Db, tmp_path: Path) -> None:
    async with world(db, tmp_path) as api:
        assert "x-request-limit" not in (await api.call("GET", "/v3/{d}/bounces")).headers


def test_the_refusal_of_a_message() -> None:
    rates = Rates(processes=MESSAGES.limit)  # one request for each process
    rates.charge("messages.send", Area.SENDING, "a", "k", "d.example", 0)
    with pytest.raises(RateLimited) as refused:
        rates.charge("messages.send", Area.SENDING, "a", "k", "d.example", 10 * SECOND)
    assert refused.value.text == (
        "Domain d.example is not allowed to send: account-requests-per-sec limit exceeded, "
        "try again after 3590 seconds"
    )


def charged(rates: Rates, account_id: str, key_id: str) -> int:
    """How many requests for suppressions pass."""
    passed = 0
    try:
        while True:
            rates.charge("bounces.list", Area.BOUNCES, account_id, key_id, "", 0)
            passed += 1
    except RateLimited:
        return passed


def test_processes_share_a_limit() -> None:
    shares = [Rates(processes=4) for _ in range(4)]
    assert sum(charged(rates, "a", "k") for rates in shares) == SUPPRESSIONS.limit
    told = dict(shares[0].charge("bounces.list", Area.BOUNCES, "a", "k", "", MINUTE))
    assert told["X-Request-Limit"] == "2500" and told["X-Request-Remaining"] == "2499"


def test_a_key_has_one_limit_for_all_accounts_it_acts_for() -> None:
    rates = Rates()
    assert charged(rates, "parent", "k") == SUPPRESSIONS.limit
    assert charged(rates, "child", "k") == 0
    assert charged(rates, "child", "own") == SUPPRESSIONS.limit
