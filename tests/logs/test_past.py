"""Events that the log has let go of are served from the table, and pages go over the border as if there was none."""

import random
from pathlib import Path
from typing import Any

import pytest

from postwright import events
from postwright.analytics import Sealer
from tests.logs.conftest import Log

SECOND = 1_000_000
DAY = 86400 * SECOND


class Past:
    """A log whose beginning lies in the table alone."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.sealer = Sealer(log.api.context.settings, log.api.db, log.api.clock)
        self.start = log.api.clock.now()

    async def happen(self, count: int, step: int = DAY // 4) -> None:
        for n in range(count):
            self.log.api.clock.advance(step / SECOND)
            kind = {"name": "opened"} if n % 3 == 0 else {}
            who = f"user{n % 2}@x.test"
            data = {"recipient": who, "message": {"headers": {"message-id": f"m{n}@x", "subject": f"Hi {n}"}}}
            await self.log.happen(n, recipient=who, message_id=f"m{n}@x", data=data, **kind)
            await self.log.happen(1_000_000, tenant=self.log.api.two)

    async def let_go(self, share: float) -> None:
        """Seal everything, and cut this much of the log."""
        while await self.sealer.seal():
            pass
        rows = await self.log.api.db.read(events.read, 0, 10_000)
        if rows:
            await self.cut(rows[int(len(rows) * share)].at if share < 1 else rows[-1].at + 1)

    async def cut(self, before: int) -> None:
        sealed = await self.sealer.position()
        while await self.log.api.db.write(events.expire, before, sealed):
            pass


@pytest.fixture
def past(log: Log) -> Past:
    return Past(log)


async def walk(log: Log, **query: Any) -> list[int]:
    found, links = await log.get("/v3/{d}/events", params=query)
    every = list(found)
    while found:
        found, links = await log.get(links["next"])
        every += found
    return every


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
async def test_walks_over_the_border(past: Past, share: float) -> None:
    await past.happen(21)
    await past.let_go(share)
    log = past.log
    for limit in (4, 300):
        assert await walk(log, limit=limit) == list(reversed(range(21)))
        assert await walk(log, limit=limit, ascending="yes", begin=1) == list(range(21))
        for query, expected in (
            ({"event": "opened"}, [n for n in range(21) if n % 3 == 0]),
            ({"recipient": "user1@x.test"}, [n for n in range(21) if n % 2]),
            ({"event": "NOT opened", "recipient": "user1"}, [n for n in range(21) if n % 2 and n % 3]),
            ({"message-id": "m3@x"}, [3]),
            ({"subject": '"hi 7"'}, [7]),
            ({"subject": "nothing"}, []),
        ):
            assert await walk(log, limit=limit, ascending="yes", begin=1, **query) == expected
            assert await walk(log, limit=limit, **query) == expected[::-1]
    # Back from the end, and from the last page.
    _, links = await log.get("/v3/{d}/events", params={"limit": 8})
    last, links = await log.get(links["last"])
    assert last == list(reversed(range(8)))
    before, links = await log.get(links["previous"])
    assert before == list(reversed(range(8, 16)))
    assert (await log.get(links["next"]))[0] == last
    # A range that ends on the other side.
    low, high = past.start + DAY, past.start + 4 * DAY
    inside = await walk(log, begin=low / SECOND, end=high / SECOND, limit=3)
    assert inside == [n for n in range(21) if low <= past.start + (n + 1) * (DAY // 4) <= high]


@pytest.mark.parametrize("seed", range(3))
async def test_tokens_stay_while_the_border_moves(past: Past, seed: int) -> None:
    await past.happen(15)
    dice = random.Random(seed)
    rising = dice.random() < 0.5
    query: dict[str, Any] = {"limit": 2, "ascending": "yes", "begin": 1} if rising else {"limit": 2}
    seen, links = await past.log.get("/v3/{d}/events", params=query)
    share = 0.1
    while True:
        if dice.random() < 0.7:
            await past.let_go(share)
            share = min(share * 2, 1.0)
        found, links = await past.log.get(links["next"])
        if not found:
            break
        seen += found
    assert seen == (list(range(15)) if rising else list(reversed(range(15))))
    # A poller at the end sees what comes, with a log that is empty now.
    await past.let_go(1.0)
    assert (await past.log.get(links["next"]))[0] == []
    if rising:
        await past.log.happen(99)
        assert (await past.log.get(links["next"]))[0] == [99]


async def test_a_domain_that_keeps_less_shows_less(past: Past) -> None:
    await past.happen(20)
    await past.let_go(0.7)
    api = past.log.api
    await api.ok("PUT", "/postwright/v1/domains/{d}/retention", json={"days": 2})
    first = (api.clock.now() // DAY - 2) * DAY
    expected = [n for n in range(20) if past.start + (n + 1) * (DAY // 4) >= first]
    assert 5 < len(expected) < 15
    assert await walk(past.log, limit=3) == expected[::-1]
    assert await walk(past.log, limit=3, ascending="yes", begin=1) == expected


async def test_strangers_have_their_own_past(past: Past, tmp_path: Path) -> None:
    await past.happen(4)
    await past.let_go(1.0)
    api = past.log.api
    assert (await api.call("GET", "/v3/{d}/events", key=api.two.key)).status_code == 404
    body = await api.ok("GET", f"/v3/{api.two.domain}/events", key=api.two.key)
    assert [item["user-variables"]["n"] for item in body["items"]] == ["1000000"] * 4
