"""Metrics and logs of generated events against the slow, obvious reference, wherever the events lie."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postwright import events
from postwright.analytics import BITS, Ledger, Sealer, counts, digests, metrics, search, totals
from postwright.analytics.retention import Terms
from postwright.analytics.schemas import LogsQuery, MetricsQuery
from postwright.analytics.upkeep import Upkeep
from postwright.kernel.clock import ManualClock
from postwright.kernel.db import Db, open_db
from postwright.kernel.http import dates
from postwright.kernel.settings import load
from tests.analytics import reference
from tests.analytics.conftest import DAY, HOUR, START

MONTH = 31 * DAY
NAMES = ("accepted", "delivered", "failed", "opened", "clicked", "unsubscribed", "complained", "stored")
REASONS = ("bounce", "generic", "espblock", "old", "suppress-bounce", "suppress-unsubscribe")
DIMENSIONS = (
    "time",
    "tag",
    "domain",
    "ip",
    "country",
    "device",
    "bot",
    "recipient_domain",
    "recipient_provider",
)
VALUES = {
    "tag": ("vip", "News", "new", "x"),
    "domain": ("a.test", "b.test", "test"),
    "ip": ("192.0.2.1", "192.0.2", ""),
    "country": ("FR", "us", ""),
    "device": ("mobile", "desktop"),
    "bot": ("apple", ""),
    "recipient_domain": ("x.test", "X", "y.test"),
    "recipient_provider": ("gmail", "Other"),
}


class Bed:
    """A log and a table for all examples: each has an account and a time of its own."""

    def __init__(self, folder: Path) -> None:
        self.db: Db = open_db("sqlite", folder)
        loaded = load({"POSTWRIGHT_DATA": str(folder), "POSTWRIGHT_ANALYTICS_RETENTION_DAYS": "99999"})
        self.clock = ManualClock(START)
        self.sealer = Sealer(loaded, self.db, self.clock)
        self.ledger = Ledger(loaded, self.db, self.clock)
        self.upkeep = Upkeep(loaded)
        self.number = 0

    def fresh(self) -> tuple[str, int]:
        self.number += 1
        return f"{self.number:024x}", START + self.number * 3 * MONTH


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("bed")
    shutil.copy(migrated / "state.db", folder)
    made = Bed(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "LARGE", 1)  # whatever is small is large enough here
        yield made
    made.ledger.close()
    made.db.close_now()


@st.composite
def told(draw: st.DrawFn) -> dict[str, Any]:
    """One event's members."""
    name = draw(st.sampled_from(NAMES))
    event: dict[str, Any] = {"event": name, "domain": {"name": draw(st.sampled_from(["a.test", "b.test"]))}}
    flags: dict[str, bool] = {}
    if draw(st.booleans()):
        event["tags"] = draw(
            st.lists(st.sampled_from(["vip", "News", "news", "z"]), max_size=3, unique_by=str.lower)
        )
    event["recipient-domain"] = draw(st.sampled_from(["x.test", "y.test"]))
    event["recipient-provider"] = draw(st.sampled_from(["Gmail", "Other"]))
    if name == "accepted":
        flags["is-authenticated"] = draw(st.booleans())
    if name in ("delivered", "failed"):
        event["envelope"] = {
            "transport": draw(st.sampled_from(["smtp", "http"])),
            "sending-ip": draw(st.sampled_from(["192.0.2.1", "192.0.2.2"])),
        }
        event["delivery-status"] = {"attempt-no": draw(st.integers(1, 3)), "code": 250}
        if draw(st.booleans()):
            event["i-delivery-optimizer"] = "sto"
        if draw(st.booleans()):
            event["i-archived"] = True  # counts on what was delivered only
    if name == "failed":
        event["severity"] = draw(st.sampled_from(["temporary", "permanent"]))
        event["reason"] = draw(st.sampled_from(REASONS))
        event["i_classification_group_id"] = draw(st.sampled_from(["google/rate-limit", "any/quota"]))
        kind = draw(st.sampled_from(["", "is-delayed-bounce", "is-callback"]))
        if kind:
            flags[kind] = True
    if name in ("opened", "clicked"):
        event["geolocation"] = {"country": draw(st.sampled_from(["FR", "US"]))}
        event["client-info"] = {
            "device-type": draw(st.sampled_from(["mobile", "desktop"])),
            "bot": draw(st.sampled_from(["", "apple"])),
        }
        if draw(st.booleans()):
            event["i-unique"] = True
    return event | {"flags": flags, "user-variables": {"n": str(draw(st.integers(0, 5)))}}


@st.composite
def predicate(draw: st.DrawFn) -> dict[str, Any]:
    attribute = draw(st.sampled_from(sorted(VALUES)))
    values = draw(st.lists(st.sampled_from(VALUES[attribute]), min_size=1, max_size=2, unique=True))
    comparator = draw(st.sampled_from(["=", "!=", "contains", "not contains"]))
    return {
        "attribute": attribute,
        "comparator": comparator,
        "values": [{"label": value, "value": value} for value in values],
    }


CASES = st.fixed_dictionaries(
    {
        "events": st.lists(st.tuples(st.integers(0, 2 * MONTH // HOUR), told()), max_size=30),
        "seals": st.sets(st.integers(0, 29), max_size=3),
        "upkeeps": st.sets(st.integers(0, 29), max_size=2),
        "queries": st.lists(
            st.fixed_dictionaries(
                {
                    "dimensions": st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True),
                    "metrics": st.lists(
                        st.sampled_from(sorted([*BITS, *reference.RATES])),
                        min_size=1,
                        max_size=10,
                        unique=True,
                    ),
                    "resolution": st.sampled_from(["hour", "day", "month"]),
                    "filter": st.fixed_dictionaries({"AND": st.lists(predicate(), max_size=2)}),
                    "from": st.integers(0, 60),
                    "days": st.integers(0, 60),
                }
            ),
            min_size=1,
            max_size=4,
        ),
    }
)


def stage_events(bed: Bed, case: dict[str, Any]) -> tuple[str, int, list[dict[str, Any]]]:
    """Let the events of a case happen, some of them sealed, and tell them as the reference reads them."""
    account, base = bed.fresh()
    listed = []
    for n, (hour, event) in enumerate(sorted(case["events"], key=lambda pair: pair[0])):
        at = base + hour * HOUR
        data = {name: value for name, value in event.items() if name not in ("event", "severity")}
        made = events.Event(
            name=event["event"],
            severity=event.get("severity", ""),
            account_id=account,
            domain_id="d",
            data=data,
        )
        bed.db.write_now(events.append, at, [made])
        listed.append(event | {"at": at})
        if n in case["seals"]:
            bed.sealer.seal_now()
        if n in case["upkeeps"]:
            bed.upkeep.tidy(at + DAY, Terms())
            bed.upkeep.settle(at + DAY)
    return account, base, listed


def truncated(at: int, resolution: str) -> str:
    return reference.dimension({"at": at}, "time", resolution)[0]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=CASES)
def test_metrics(bed: Bed, case: dict[str, Any]) -> None:
    account, base, listed = stage_events(bed, case)
    for query in case["queries"]:
        low, high = base + query["from"] * DAY, base + (query["from"] + query["days"]) * DAY
        step = query["resolution"]
        asked = msgspec.convert(
            {name: value for name, value in query.items() if name not in ("from", "days")}, MetricsQuery
        )
        asked.start, asked.end = low, high
        wanted = metrics.understand(asked, bed.clock.now(), (account,))
        # A bucket belongs to the range when its first moment lies in it, with both ends cut to whole buckets.
        first, last = (dates.parse(truncated(at, step)) for at in (low, high))
        inside = [e for e in listed if first <= dates.parse(truncated(e["at"], step)) <= last]
        expected = reference.groups(
            inside, query["dimensions"], query["metrics"], step, query["filter"]["AND"]
        )
        found = asyncio.run(counts(bed.ledger, wanted.question))
        answer = metrics.answer(wanted, found, None, {})
        got = {
            tuple(d.value.lower() if d.dimension == "tag" else d.value for d in item.dimensions): item.metrics
            for item in answer.items
        }
        assert got == expected
        assert found.total == len(expected)
        all_of_it = reference.counts(
            e for e in inside if all(reference.fits(e, p) for p in query["filter"]["AND"])
        )
        together = asyncio.run(totals(bed.ledger, wanted.question))
        assert together == {name: reference.metric(name, all_of_it) for name in query["metrics"]}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=CASES, rising=st.booleans(), limit=st.integers(1, 20))
def test_logs(bed: Bed, case: dict[str, Any], rising: bool, limit: int) -> None:
    account, base, listed = stage_events(bed, case)
    for query in case["queries"]:
        low, high = base + query["from"] * DAY, base + (query["from"] + query["days"]) * DAY
        given_ = [p for p in query["filter"]["AND"] if allowed(p)]
        metric = next((name for name in query["metrics"] if name in reference.SUMS), None)
        asked = msgspec.convert(
            {
                "filter": {"AND": given_},
                "metric_events": [metric.removesuffix("_count")] if metric else [],
                "include_totals": True,
                "pagination": {"limit": limit, "sort": "timestamp:asc" if rising else "timestamp:desc"},
            },
            LogsQuery,
        )
        asked.start, asked.end = low, high
        expected = [
            e["user-variables"]["n"]
            for e in listed
            if low <= e["at"] <= high
            and all(reference.fits(e, p) for p in given_)
            and (metric is None or reference.SUMS[metric](e))
        ]
        if not rising:
            expected.reverse()
        page, got = search.understand(asked, bed.clock.now()), []
        while True:
            found = bed.ledger.ask_now(search.find, (account,), page)
            assert sum((found.totals or {}).values()) == len(expected)
            if not found.hits:
                break
            got += [msgspec.json.decode(hit.data)["user-variables"]["n"] for hit in found.hits]
            following = search.pages(page, found).next
            page = search.understand(
                msgspec.convert({"pagination": {"token": following}}, LogsQuery), bed.clock.now()
            )
        assert got == expected


def allowed(given: dict[str, Any]) -> bool:
    return given["comparator"] in ("=", "!=") or given["attribute"] in (
        "domain",
        "recipient_domain",
        "recipient_provider",
        "bot",
        "device",
    )
