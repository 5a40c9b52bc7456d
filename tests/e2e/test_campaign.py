"""The fault campaign, short: `make campaign` goes through every failpoint. And that it would notice."""

import os
import random
import shutil
from collections import Counter
from pathlib import Path

from bench.campaign import Campaign, failpoints
from bench.campaign.ledger import Ledger

# Without these a change to the campaign could kill nothing on its way and find nothing.
ALWAYS = "delivery.sent"
# What its load does not reach, or seldom in so short a time.
SELDOM = ("alert.", "certificates.", "ips.", "operations.", "analytics.", "archive.")


async def test_nothing_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path, migrated: Path) -> None:
    seed = int(os.environ.get("POSTWRIGHT_SEED", random.randrange(10**6)))
    print(f"POSTWRIGHT_SEED={seed} repeats this")
    others = [name for name in failpoints() if name != ALWAYS and not name.startswith(SELDOM)]
    points = [ALWAYS, *random.Random(seed).sample(others, 2)]
    (tmp_path / "data").mkdir(mode=0o700)
    shutil.copy(migrated / "state.db", tmp_path / "data")
    campaign = Campaign(tmp_path, seed)
    problems = await campaign.run(15, points)
    rows = list(campaign.rows())
    print(*rows, sep="\n")
    assert problems == []
    assert campaign.reached[ALWAYS] == 1
    total = rows[-1]
    assert total["accepted"] > 20
    assert total["delivered"] + total["failed"] == total["accepted"]
    assert not total["lost"]


def test_the_campaign_notices(tmp_path: Path) -> None:
    store = tmp_path / "none.db"

    def ledger(arrivals: int) -> Ledger:
        found = Ledger()
        found.accept([("tok1", "a@sink.test")])
        for _ in range(arrivals):
            found.arrived(("tok1", "a@sink.test"), b"x")
        found.ended = {("tok1", "a@sink.test"): Counter(delivered=1)}
        found.told["tok1", "a@sink.test"] = 1
        return found

    assert ledger(1).problems(store) == []
    assert ledger(0).problems(store) == ["lost: ('tok1', 'a@sink.test')"]
    twice = ledger(2)
    assert twice.problems(store) == ["2 times, and not ambiguous: ('tok1', 'a@sink.test')"]
    twice.ambiguous.add(("tok1", "a@sink.test"))
    assert twice.problems(store) == []
    twice.arrived(("tok1", "a@sink.test"), b"y")
    assert "other bytes" in str(twice.problems(store))
    silent = ledger(1)
    silent.told.clear()
    assert "without a webhook" in str(silent.problems(store))
    silent.ended = {}
    assert "without an event" in str(silent.problems(store))


def test_every_failpoint_is_found() -> None:
    assert {"accept.before", "delivery.sent", "inbound.posted", "analytics.sealed"} <= set(failpoints())
