"""Thresholds: as clients set them, and what happens when they are passed."""

from typing import Any

import pytest

from postwright.alerts.evaluator import Evaluator
from postwright.alerts.store import thresholds
from tests.analytics.conftest import HOUR

from .conftest import AlertStage

PATH = "/v1/thresholds/alerts/send"
NEVER = "0001-01-01T00:00:00Z"
BODY: dict[str, Any] = {
    "name": "hard bounces",
    "metric": "hard_bounce_rate",
    "comparator": ">",
    "limit": ".25",
    "dimension": "domain",
    "alert_channels": ["email", "webhook"],
    "filters": [{"dimension": "recipient_provider", "comparator": "=", "values": ["Gmail"]}],
    "period": "1h",
    "description": "too many",
}


async def create(alerts: AlertStage, **more: Any) -> Any:
    return await alerts.api.ok("POST", PATH, json=BODY | {"filters": []} | more)


async def sent(alerts: AlertStage, delivered: int, bounced: int, **more: Any) -> None:
    """Messages that were delivered and that bounced, now."""
    told: list[dict[str, Any]] = [{"event": "delivered", **more} for _ in range(delivered)]
    told += [{"event": "failed", "severity": "permanent", "reason": "bounce", **more} for _ in range(bounced)]
    await alerts.happen(alerts.api.clock.now(), *told)


async def hits(alerts: AlertStage) -> list[dict[str, Any]]:
    found = await alerts.api.ok("GET", "/v1/thresholds/hits")
    assert found["total"] == len(found["items"])
    return list(found["items"])


async def test_set_changed_and_deleted(alerts: AlertStage) -> None:
    made = await alerts.api.ok("POST", PATH, json=BODY)
    assert made == BODY | {
        "id": made["id"],
        "parent_account_id": alerts.api.one.account_id,
        "subaccount_id": "",
        "account_group": "",
        "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
        "last_checked": NEVER,
    }
    assert len(made["id"]) == 36
    for path in (f"{PATH}/hard bounces", f"{PATH}/hard+bounces", f"{PATH}/hard%20bounces"):
        assert await alerts.api.ok("GET", path) == made
    assert await alerts.api.ok("GET", PATH) == {"items": [made], "total": 1}
    assert (await alerts.api.call("POST", PATH, json=BODY)).status_code == 409
    alerts.api.clock.advance(60)
    answer = await alerts.api.ok(
        "PUT", f"{PATH}/hard bounces", json=BODY | {"limit": "0.5", "name": "bounces"}
    )
    assert set(answer) == {"message"}
    found = await alerts.api.ok("GET", f"{PATH}/bounces")
    assert found == made | {"limit": "0.5", "name": "bounces", "updated_at": "2027-01-15T08:01:00Z"}
    for method in ("GET", "PUT", "DELETE"):
        for key, name in ((None, "hard bounces"), (alerts.api.two.key, "bounces")):
            answer = await alerts.api.call(method, f"{PATH}/{name}", json=BODY, key=key)
            assert answer.status_code == 404, method
    assert set(await alerts.api.ok("DELETE", f"{PATH}/bounces")) == {"message"}
    assert await alerts.api.ok("GET", PATH) == {"items": [], "total": 0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a/b"},
        {"metric": "opened_rate"},
        {"comparator": "~"},
        {"limit": ""},
        {"limit": "many"},
        {"limit": "NaN"},
        {"limit": "-1"},
        {"limit": "1e999999"},
        {"dimension": "tag"},
        {"alert_channels": ["fax"]},
        {"period": "1y"},
        {"period": "0h"},
        {"period": "31d"},
        {"filters": [{"dimension": "x", "comparator": "=", "values": ["y"]}]},
        {"filters": [{"dimension": "domain", "comparator": "<", "values": ["y"]}]},
        {"filters": [{"dimension": "domain", "comparator": "=", "values": []}]},
    ],
    ids=str,
)
async def test_refused(capture: AlertStage, wrong: dict[str, Any]) -> None:
    answer = await capture.api.call("POST", PATH, json=BODY | wrong)
    assert answer.status_code == 400 and answer.json()["message"]
    assert (await capture.api.ok("GET", PATH))["total"] == 0


async def test_a_hit_is_told_once_while_it_lasts(alerts: AlertStage) -> None:
    await create(alerts, alert_channels=["email", "webhook"])
    await alerts.setting("webhook", url=alerts.hook.url())
    await sent(alerts, 7, 3)
    assert await alerts.evaluate() == 1
    assert await alerts.evaluate() == 0  # once a minute
    (hit,) = await hits(alerts)
    assert hit == {
        "id": hit["id"],
        "name": "hard bounces",
        "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
        "triggered": True,
        "expires_at": NEVER,
        "latest_value": "0.3000",
        "metric": "hard_bounce_rate",
        "comparator": ">",
        "limit": ".25",
        "parent_account_id": alerts.api.one.account_id,
        "subaccount_id": "",
        "dimension": "domain",
        "dimension_value": "one.example.com",
    }
    await alerts.told()
    # Nobody is set for e-mail: the owner of the account gets it.
    (message,) = await alerts.sink.wait(1)
    assert message.recipients == ["owner@one.example.com"]
    told = alerts.hook.caught[-1].json["event_data"]
    assert (told["event"], told["dimension_value"], told["latest_value"]) == (
        "send_alert",
        "one.example.com",
        "0.3000",
    )
    # It lasts: nobody is told again.
    alerts.api.clock.advance(60)
    await sent(alerts, 0, 5)
    assert await alerts.evaluate() == 1
    (lasting,) = await hits(alerts)
    assert lasting["id"] == hit["id"] and lasting["latest_value"] == "0.5333"
    assert len(await alerts.calls()) == 2
    # It is over; and what comes back within the period is still the same.
    alerts.api.clock.advance(60)
    await sent(alerts, 100, 0)
    await alerts.evaluate()
    (over,) = await hits(alerts)
    assert (over["triggered"], over["expires_at"]) == (False, "2027-01-15T09:02:00Z")
    alerts.api.clock.advance(60)
    await sent(alerts, 0, 100)
    await alerts.evaluate()
    (back,) = await hits(alerts)
    assert (back["triggered"], back["expires_at"], back["id"]) == (True, NEVER, hit["id"])
    assert len(await alerts.calls()) == 2
    # Long after, it is another hit.
    alerts.api.clock.advance(2 * HOUR / 1e6)
    await alerts.evaluate()
    alerts.api.clock.advance(2 * HOUR / 1e6)
    await sent(alerts, 0, 1)
    await alerts.evaluate()
    assert [each["triggered"] for each in await hits(alerts)] == [True, False]
    assert len(await alerts.calls()) == 4


async def test_filters_and_windows(alerts: AlertStage) -> None:
    await create(alerts, filters=BODY["filters"])
    await sent(alerts, 1, 5, **{"recipient-provider": "Yahoo"})
    await alerts.evaluate()
    assert await hits(alerts) == []
    alerts.api.clock.advance(60)
    await sent(alerts, 1, 5, **{"recipient-provider": "Gmail"})
    await alerts.evaluate()
    assert len(await hits(alerts)) == 1
    alerts.api.clock.advance(3601)  # all of it is longer ago than the threshold looks back
    await alerts.evaluate()
    (hit,) = await hits(alerts)
    assert hit["triggered"] is False


@pytest.mark.parametrize(
    ("metric", "comparator", "limit", "passed"),
    [
        ("delivered_rate", "<", ".99", True),
        ("delivered_rate", "=", "0.75", True),
        ("delivered_rate", "!=", "0.75", False),
        ("hard_bounce_rate", ">=", ".25", True),
        ("hard_bounce_rate", "<=", ".2", False),
        ("complained_rate", ">", "0", False),
        ("temporary_fail_rate", ">", ".4", True),
    ],
)
async def test_metrics_and_comparators(
    capture: AlertStage, metric: str, comparator: str, limit: str, passed: bool
) -> None:
    await create(capture, metric=metric, comparator=comparator, limit=limit)
    await sent(capture, 3, 1)
    await capture.happen(
        capture.api.clock.now(), *({"event": "failed", "severity": "temporary"} for _ in range(2))
    )
    await capture.evaluate()
    assert bool(await hits(capture)) is passed


async def test_all_of_it_fails_and_nothing_ended(capture: AlertStage) -> None:
    await create(capture, metric="temporary_fail_rate", comparator=">", limit=".9", dimension="ip")
    told = {"event": "failed", "severity": "temporary", "envelope": {"sending-ip": "192.0.2.7"}}
    await capture.happen(capture.api.clock.now(), told)
    await capture.evaluate()
    (hit,) = await hits(capture)
    assert (hit["dimension_value"], hit["latest_value"]) == ("192.0.2.7", "1.0000")


async def test_subaccounts(capture: AlertStage) -> None:
    child = capture.child("child.example.com")
    await create(capture, dimension="subaccount")
    await capture.happen(
        capture.api.clock.now(),
        {"event": "failed", "severity": "permanent", "reason": "bounce"},
        tenant=child,
    )
    await capture.evaluate()
    (hit,) = await hits(capture)
    assert hit["dimension_value"] == child.account_id
    made = await capture.api.ok("POST", PATH, json=BODY, key=child.key)
    assert (made["parent_account_id"], made["subaccount_id"]) == (
        capture.api.one.account_id,
        child.account_id,
    )


async def test_a_change_forgets_hits_and_is_judged_anew(capture: AlertStage) -> None:
    await create(capture)
    await sent(capture, 1, 1)
    await capture.evaluate()
    assert len(await hits(capture)) == 1
    await capture.api.ok("PUT", f"{PATH}/hard bounces", json=BODY | {"limit": ".9"})
    assert await hits(capture) == []
    assert await capture.evaluate() == 1
    assert await hits(capture) == []


async def test_one_process_judges(capture: AlertStage) -> None:
    """Two processes that read the same state: only one of them tells."""
    await create(capture)
    await sent(capture, 0, 3)
    one, two = (Evaluator(capture.api.db, capture.api.clock, capture.ledger) for _ in range(2))
    (alert,) = await capture.api.db.read(_due, capture.api.clock.now())
    assert await one._judge(alert) and not await two._judge(alert)
    assert len(await capture.calls()) == 1


def _due(tx: Any, now: int) -> Any:
    return thresholds.due(tx, now, 10)
