"""Thresholds on numbers: as clients set them, and what happens when they are passed."""

from typing import Any

import pytest

from .conftest import AlertStage
from .test_thresholds import NEVER, hits

PATH = "/v1/thresholds/limits"
BODY: dict[str, Any] = {
    "name": "email preview",
    "metric": "email_preview_success_count",
    "comparator": ">=",
    "limit": "2100",
    "dimension": "subaccount",
    "period": "1M",
}


async def test_set_changed_and_deleted(alerts: AlertStage) -> None:
    made = await alerts.api.ok("POST", PATH, json=BODY)
    assert made == BODY | {
        "id": made["id"],
        "parent_account_id": alerts.api.one.account_id,
        "subaccount_id": "",
        "account_group": "",
        "description": "",
        "filters": [],
        "created_at": "2027-01-15T08:00:00Z",
        "updated_at": "2027-01-15T08:00:00Z",
        "last_checked": NEVER,
    }
    assert await alerts.api.ok("GET", f"{PATH}/email preview") == made
    assert await alerts.api.ok("GET", f"{PATH}/email+preview") == made
    assert await alerts.api.ok("GET", PATH) == {"items": [made], "total": 1}
    # The other kind of thresholds has names of its own.
    sends = "/v1/thresholds/alerts/send"
    assert (await alerts.api.ok("GET", sends))["total"] == 0
    rate = BODY | {"metric": "delivered_rate", "limit": ".9", "period": "1d"}
    await alerts.api.ok("POST", sends, json=rate)
    assert (await alerts.api.call("POST", PATH, json=BODY)).status_code == 409
    alerts.api.clock.advance(60)
    assert set(await alerts.api.ok("PUT", f"{PATH}/email preview", json=BODY | {"limit": "1000"})) == {
        "message"
    }
    changed = await alerts.api.ok("GET", f"{PATH}/email preview")
    assert changed == made | {"limit": "1000", "updated_at": "2027-01-15T08:01:00Z"}
    for method in ("GET", "PUT", "DELETE"):
        answer = await alerts.api.call(method, f"{PATH}/email preview", json=BODY, key=alerts.api.two.key)
        assert answer.status_code == 404, method
    assert set(await alerts.api.ok("DELETE", f"{PATH}/email preview")) == {"message"}
    assert await alerts.api.ok("GET", PATH) == {"items": [], "total": 0}
    assert (await alerts.api.ok("GET", sends))["total"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"metric": "delivered_rate"},
        {"comparator": "~"},
        {"limit": "many"},
        {"limit": "-1"},
        {"dimension": "tag"},
        {"period": "2M"},
        {"period": "1m"},
        {"period": "0h"},
    ],
    ids=str,
)
async def test_refused(capture: AlertStage, wrong: dict[str, Any]) -> None:
    answer = await capture.api.call("POST", PATH, json=BODY | wrong)
    assert answer.status_code == 400 and answer.json()["message"]
    assert (await capture.api.ok("GET", PATH))["total"] == 0


async def test_a_limit_of_subaccounts_is_told_once_a_month(alerts: AlertStage) -> None:
    child = alerts.child("child.example.com")
    await alerts.setting("webhook", kind="limit_threshold", url=alerts.hook.url())
    await alerts.api.ok("POST", PATH, json=BODY | {"metric": "delivered_count", "limit": "3"})
    delivered: dict[str, Any] = {"event": "delivered"}
    await alerts.happen(alerts.api.clock.now(), *[delivered] * 2, tenant=child)
    await alerts.happen(alerts.api.clock.now(), *[delivered] * 2)
    assert await alerts.evaluate() == 1 and await hits(alerts) == []
    await alerts.happen(alerts.api.clock.now(), delivered, tenant=child)
    alerts.api.clock.advance(60)
    await alerts.evaluate()
    (hit,) = await hits(alerts)
    assert (hit["dimension_value"], hit["latest_value"], hit["triggered"]) == (child.account_id, "3", True)
    assert (hit["metric"], hit["limit"], hit["name"]) == ("delivered_count", "3", "email preview")
    await alerts.told()
    (call,) = (each for each in alerts.hook.caught if each.method == "POST")
    assert b'"event":"limit_threshold"' in call.body and b'"latest_value":"3"' in call.body
    for _ in range(3):
        alerts.api.clock.advance(60)
        await alerts.evaluate()
    assert len(await alerts.calls()) == 2  # the webhook, and mail to the owner
    # The next month counts from nothing.
    alerts.api.clock.advance(17 * 86_400)
    await alerts.evaluate()
    (hit,) = await hits(alerts)
    assert (hit["triggered"], hit["latest_value"]) == (False, "0")


async def test_what_is_never_done_is_counted_as_nothing(capture: AlertStage) -> None:
    """No previews and no seed tests are made here: `below` is reached, `at least` never."""
    await capture.api.ok("POST", PATH, json=BODY | {"name": "few", "comparator": "<", "limit": "1"})
    await capture.api.ok(
        "POST", PATH, json=BODY | {"name": "many", "metric": "seed_test_count", "limit": "1"}
    )
    assert await capture.evaluate() == 2
    (hit,) = await hits(capture)
    assert (hit["name"], hit["dimension_value"]) == ("few", capture.api.one.account_id)
    items = (await capture.api.ok("GET", PATH))["items"]
    assert all(each["last_checked"] != NEVER for each in items)
