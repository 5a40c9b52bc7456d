"""Statistics, metrics, tags, classified failures and webhooks of the same events tell the same numbers."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postwright.events import webhook_type
from postwright.tags import TagProjection
from tests.analytics.conftest import HOUR, Stage

EVENTS = ("accepted", "delivered", "failed", "opened", "clicked", "unsubscribed", "complained", "stored")
REASONS = (
    "bounce",
    "generic",
    "espblock",
    "suppress-bounce",
    "suppress-unsubscribe",
    "suppress-complaint",
    "old",
)
RULES = ("google-no-user", "google-rate", "no-user", "")

event = st.fixed_dictionaries(
    {
        "event": st.sampled_from(EVENTS),
        "severity": st.sampled_from(("temporary", "permanent")),
        "reason": st.sampled_from(REASONS),
        "rule": st.sampled_from(RULES),
        "tags": st.lists(st.sampled_from(("news", "sale")), unique=True, max_size=2),
        "http": st.booleans(),
        "sent": st.booleans(),
        "unique": st.booleans(),
        "late": st.booleans(),
        "callback": st.booleans(),
        "hour": st.integers(0, 3),
    }
)


def wire(drawn: dict[str, Any]) -> dict[str, Any]:
    """An event as it is recorded."""
    made: dict[str, Any] = {"event": drawn["event"], "tags": drawn["tags"]}
    match drawn["event"]:
        case "accepted":
            made["flags"] = {"is-authenticated": drawn["sent"]}
        case "delivered":
            made["envelope"] = {"transport": "http" if drawn["http"] else "smtp"}
        case "failed":
            made |= {"severity": drawn["severity"], "reason": drawn["reason"]}
            made["flags"] = {"is-delayed-bounce": drawn["late"], "is-callback": drawn["callback"]}
            if drawn["rule"]:
                made["i_classification_rule_id"] = drawn["rule"]
        case "opened" | "clicked":
            if drawn["unique"]:
                made["i-unique"] = True
    return made


def reference(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The older statistics, counted one by one."""
    n: Counter[str] = Counter()
    for each in events:
        name = each["event"]
        n[name] += 1
        if name == "accepted":
            n["outgoing" if each["flags"]["is-authenticated"] else "incoming"] += 1
        elif name == "delivered":
            n[each["envelope"]["transport"]] += 1
        elif name == "failed":
            n[each["severity"]] += 1
            if each["severity"] == "temporary":
                n["temporary espblock"] += each["reason"] == "espblock"
            else:
                n[each["reason"]] += 1
                n["other"] += not each["reason"].startswith("suppress")
                n["late"] += each["flags"]["is-delayed-bounce"]
                n["webhook"] += each["flags"]["is-callback"]
        elif name in ("opened", "clicked"):
            n[f"unique {name}"] += bool(each.get("i-unique"))
    return {
        "accepted": {"incoming": n["incoming"], "outgoing": n["outgoing"], "total": n["accepted"]},
        "delivered": {"smtp": n["smtp"], "http": n["http"], "optimized": 0, "total": n["delivered"]},
        "failed": {
            "temporary": {"espblock": n["temporary espblock"], "total": n["temporary"]},
            "permanent": {
                "suppress-bounce": n["suppress-bounce"],
                "suppress-unsubscribe": n["suppress-unsubscribe"],
                "suppress-complaint": n["suppress-complaint"],
                "bounce": n["other"],
                "delayed-bounce": n["late"],
                "webhook": n["webhook"],
                "optimized": 0,
                "total": n["permanent"],
            },
        },
        "opened": {"total": n["opened"], "unique": n["unique opened"]},
        "clicked": {"total": n["clicked"], "unique": n["unique clicked"]},
        **{name: {"total": n[name]} for name in ("unsubscribed", "complained", "stored")},
    }


def told(events: list[dict[str, Any]]) -> Counter[str]:
    """How many calls of each type a webhook for everything gets."""
    kinds = (webhook_type(each["event"], each.get("severity", "")) for each in events)
    return Counter(kind for kind in kinds if kind)


@pytest.fixture
def store_url(migrated: Path, tmp_path: Path) -> str:
    """The figures do not depend on the store: once is enough for so many examples."""
    shutil.copy(migrated / "state.db", tmp_path)
    return "sqlite"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(event, max_size=30), seal=st.booleans())
async def test_all_figures_agree(stage: Stage, drawn: list[dict[str, Any]], seal: bool) -> None:
    # A day of its own for each example: what came before does not count.
    stage.api.clock.advance(10 * 24 * 3600)
    start = stage.api.clock.now()
    start -= start % (24 * HOUR)
    hours: dict[int, list[dict[str, Any]]] = {n: [] for n in range(4)}
    for each in drawn:
        hours[each["hour"]].append(wire(each))
    for hour, events in hours.items():
        await stage.happen(start + hour * HOUR, *events)
    everything = [each for events in hours.values() for each in events]
    projection = TagProjection()
    await stage.api.db.write(projection.begin)
    while await projection.catch_up(stage.api.db):
        pass
    if seal:
        await stage.sealer.seal()
    stage.api.clock.advance((start + 3 * HOUR - stage.api.clock.now()) / 1e6)
    span = {"start": str(start // 1_000_000), "end": str(start // 1_000_000 + 3 * 3600)}
    by_hour = [("event", name) for name in EVENTS] + [("resolution", "hour"), *span.items()]

    stats = (await stage.api.ok("GET", "/v3/{d}/stats/total", params=by_hour))["stats"]
    assert [{name: each[name] for name in EVENTS} for each in stats] == [
        reference(hours[n]) for n in range(4)
    ]

    (total,) = (await stage.api.ok("GET", "/v3/stats/filter", params=[*by_hour, ("group", "total")]))["stats"]
    whole = reference(everything)
    assert {name: total[name] for name in EVENTS} == whole
    calls = told(everything)
    assert calls["permanent_fail"] == total["failed"]["permanent"]["total"]
    assert calls["temporary_fail"] == total["failed"]["temporary"]["total"]
    assert all(calls[name] == total[name]["total"] for name in EVENTS if name not in ("failed", "stored"))

    names = [f"{name}_count" for name in (*EVENTS, "permanent_failed", "bounced")]
    query = {"resolution": "hour", "metrics": names, "include_aggregates": True, **span}
    metrics = (await stage.metrics(**query))["aggregates"]["metrics"]
    if everything:
        assert [metrics[f"{name}_count"] for name in EVENTS if name != "failed"] == [
            whole[name]["total"] for name in EVENTS if name != "failed"
        ]
        assert metrics["permanent_failed_count"] == whole["failed"]["permanent"]["total"]
        assert metrics["bounced_count"] == whole["failed"]["permanent"]["bounce"]

    for tag in ("news", "sale"):
        mine = [each for each in everything if tag in each["tags"]]
        answer = await stage.api.call("GET", f"/v3/{{d}}/tags/{tag}/stats", params=by_hour)
        if answer.status_code == 404:
            continue  # no message with it was accepted, ever
        assert sum(each["delivered"]["total"] for each in answer.json()["stats"]) == sum(
            each["event"] == "delivered" for each in mine
        )

    query = {"dimensions": ["category"], **span, "end": str(start // 1_000_000 + 4 * 3600)}
    found = (await stage.api.ok("POST", "/v2/bounce-classification/metrics", json=query))["items"]
    judged = Counter(
        each["reason"].upper()
        for each in everything
        if each["event"] == "failed" and each.get("i_classification_rule_id")
    )
    assert {each["category"]: each["metrics"]["classified_failures_count"] for each in found} == judged
