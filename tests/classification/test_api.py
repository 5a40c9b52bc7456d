"""Classified failures as clients see them."""

from typing import Any

from tests.analytics.conftest import START, Stage

PATH = "/v2/bounce-classification/metrics"


def failed(rule: str, severity: str = "permanent", **more: Any) -> dict[str, Any]:
    return {
        "event": "failed",
        "severity": severity,
        "reason": "bounce",
        "i_classification_rule_id": rule,
        "recipient-provider": "Gmail",
        "recipient-domain": "gmail.com",
        "delivery-status": {"message": f"said by {rule}", "code": 550},
        **more,
    }


async def some(stage: Stage) -> None:
    delivered = {"event": "delivered", "envelope": {"transport": "smtp"}, "recipient-provider": "Gmail"}
    await stage.happen(
        START,
        *(delivered for _ in range(6)),
        failed("google-no-user", tags=["daily", "campaign1"]),
        failed("google-no-user"),
        failed("google-rate", "temporary", reason="generic"),
        failed("code-quota", "temporary", reason="generic", **{"recipient-provider": "Other"}),
        failed("list-spamhaus", reason="espblock"),
        {"event": "failed", "severity": "permanent", "reason": "suppress-bounce"},
    )


async def query(stage: Stage, *dimensions: str, **more: Any) -> Any:
    return await stage.api.ok("POST", PATH, json={"dimensions": list(dimensions), **more})


async def test_by_entity(stage: Stage) -> None:
    await some(stage)
    found = await query(stage, "entity-name", "domain.name")
    assert found["pagination"] == {"sort": "", "skip": 0, "limit": 10, "total": 3}
    gmail = next(each for each in found["items"] if each["entity-name"] == "Gmail")
    assert gmail["domain.name"] == "one.example.com"
    assert gmail["metrics"] == {
        "critical_bounce_count": 0,
        "non_critical_bounce_count": 2,
        "critical_delay_count": 1,
        "non_critical_delay_count": 0,
        "classified_failures_count": 3,
        "delivered_smtp_count": 6,
        "critical_bounce_rate": 0,
        "non_critical_bounce_rate": 22,
        "critical_delay_rate": 11,
        "non_critical_delay_rate": 0,
    }
    spamhaus = next(each for each in found["items"] if each["entity-name"] == "Spamhaus")
    assert spamhaus["metrics"]["critical_bounce_count"] == 1
    assert spamhaus["metrics"]["delivered_smtp_count"] is None
    assert spamhaus["metrics"]["critical_bounce_rate"] is None


async def test_other_dimensions(stage: Stage) -> None:
    await some(stage)
    by_severity = {
        each["severity"]: each["metrics"]["classified_failures_count"]
        for each in (await query(stage, "severity"))["items"]
    }
    assert by_severity == {"PERMANENT": 3, "TEMPORARY": 2}
    by_criticality = {
        each["criticality"]: each["metrics"]["classified_failures_count"]
        for each in (await query(stage, "criticality"))["items"]
    }
    assert by_criticality == {"CRITICAL": 2, "NON-CRITICAL": 3}
    group = (await query(stage, "group-id", pagination={"sort": "classified_failures_count:desc"}))["items"][
        0
    ]
    assert group["group-id"] == "google/invalid-recipient"
    assert group["sample-text"] == "said by google-no-user" and group["explanation"]
    assert {each["tags"] for each in (await query(stage, "tags"))["items"]} == {"daily, campaign1", ""}
    assert {each["tag"] for each in (await query(stage, "tag"))["items"]} == {"daily", "campaign1"}
    (hour,) = (await query(stage, "timestamp", resolution="hour"))["items"]
    assert hour["timestamp"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    (account,) = (await query(stage, "account.name"))["items"]
    assert (account["account.id"], account["account.name"]) == (stage.api.one.account_id, "one.example.com")


async def test_filters_sorts_and_pages(stage: Stage) -> None:
    await some(stage)

    async def total(attribute: str, value: str, comparator: str = "=") -> int:
        where = {"AND": [{"attribute": attribute, "comparator": comparator, "values": [{"value": value}]}]}
        items = (await query(stage, "domain.name", filter=where))["items"]
        return sum(each["metrics"]["classified_failures_count"] for each in items)

    assert await total("entity-name", "gmail") == 3
    assert await total("entity-name", "gmail", "!=") == 2
    assert await total("category", "ESPBLOCK") == 1
    assert await total("severity", "temp", "contains") == 2
    assert await total("domain.name", "other.test") == 0
    assert await total("tag", "daily") == 1
    assert await total("account.name", "nobody") == 0
    page = {"sort": "entity-name:desc", "limit": 1, "skip": 1}
    found = await query(stage, "entity-name", pagination=page, metrics=["classified_failures_count"])
    assert [each["entity-name"] for each in found["items"]] == ["Other"]
    assert found["items"][0]["metrics"] == {"classified_failures_count": 1}
    assert found["pagination"]["total"] == 3


async def test_refused(stage: Stage) -> None:
    texts = {}
    for body in (
        {"dimensions": ["nonsense"]},
        {"metrics": ["nonsense"]},
        {"dimensions": ["tag", "tags"]},
        {"pagination": {"sort": "nonsense:asc"}},
        {"pagination": {"limit": 51}},
        {"duration": "soon"},
        {"resolution": "month"},
        {"start": "Sun, 01 Jan 2006 22:04:05 UTC"},
        {"filter": {"AND": [{"attribute": "timestamp", "values": [{"value": "x"}]}]}},
    ):
        answer = await stage.api.call("POST", PATH, json=body)
        assert answer.status_code == 400, body
        texts[next(iter(body))] = answer.json()["message"]
    assert texts["start"] == "Sun, 01 Jan 2006 22:04:05 +0000 is out of permitted log retention"
    answer = await stage.api.call("POST", PATH, json={"pagination": {"sort": "nonsense:asc"}})
    assert answer.json()["message"] == "sort should be either one of metrics or dimensions"
    for duration in ("24h0m0s", "48h", "60m", "30s"):
        assert (await query(stage, duration=duration))["duration"] == duration


async def test_the_first_edition(stage: Stage) -> None:
    await some(stage)
    base = "/v1/bounce-classification"
    found = await stage.api.ok("GET", f"{base}/stats?group=entity-id,rule-id")
    assert [(e["entity-id"], e["rule-id"], e["bounced"]) for e in found["items"]] == [
        ("google", "google-no-user", {"total": 2}),
        ("spamhaus", "list-spamhaus", {"total": 1}),
    ]
    assert found["_duration"].endswith("s") and found["items"][0]["short-explanation"]
    (whole,) = (await stage.api.ok("GET", f"{base}/stats?group=domain.name,subaccount.id"))["items"]
    assert whole["domain"] == {"name": "one.example.com"} and whole["bounced"] == {"total": 3}
    assert await stage.api.ok("GET", f"{base}/domains?query=domain.name:one.example.com") == {
        "items": [{"domain": {"name": "one.example.com"}, "bounced": {"total": 3}}],
        "total": 1,
        "req": {},
    }
    entities = await stage.api.ok("GET", f"{base}/domains/{{d}}/entities")
    assert entities["items"][0] == {"entity-id": "google", "entity-name": "Gmail", "bounced": {"total": 2}}
    rules = await stage.api.ok("GET", f"{base}/domains/{{d}}/entities/google/rules")
    assert rules["items"] == [
        {
            "rule-id": "google-no-user",
            "category": "BOUNCE",
            "severity": "PERMANENT",
            "sample-text": "said by google-no-user",
            "explanation": rules["items"][0]["explanation"],
            "bounced": {"total": 2},
        }
    ]
    assert (await stage.api.call("GET", f"{base}/domains/{{d}}/events")).status_code == 410
    known = await stage.api.ok("GET", f"{base}/config/entities")
    assert known["google"] == {"name": "Gmail"} and known["spamhaus"] == {"name": "Spamhaus"}
    config = await stage.api.ok("GET", f"{base}/config/rules")
    assert config["google-no-user"]["entity_id"] == "google"
    assert all(rule["entity_id"] in known for rule in config.values())
    stranger = stage.api.two.key
    for path in ("entities", "entities/google/rules"):
        answer = await stage.api.call("GET", f"{base}/domains/{{d}}/{path}", key=stranger)
        assert answer.status_code == 404
    assert (await stage.api.ok("GET", f"{base}/stats", key=stranger))["items"] == []
