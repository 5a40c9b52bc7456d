"""Tags as events bring them and clients see them."""

from typing import Any

from postwright.tags import TagProjection, service
from tests.analytics.conftest import HOUR, START, Stage

SHOWN = "2027-01-15T08:00:00Z"


async def project(stage: Stage) -> None:
    projection = TagProjection()
    await stage.api.db.write(projection.begin)
    while await projection.catch_up(stage.api.db):
        pass


async def used(stage: Stage, at: int, *tags: str, **more: Any) -> None:
    """A message with tags is accepted."""
    await stage.happen(at, {"event": "accepted", "tags": list(tags)}, **more)
    await project(stage)


async def names(stage: Stage, **query: Any) -> list[str]:
    found = await stage.api.ok("GET", "/v3/{d}/tags", params=query)
    return [each["tag"] for each in found["items"]]


async def test_seen_first_and_last(stage: Stage) -> None:
    await used(stage, START, "Spring Sale", "news")
    await used(stage, START + HOUR, "spring sale")
    # What only looks like a tag is none: the scope of an unsubscribe, and what was delivered.
    await stage.happen(START + 2 * HOUR, {"event": "unsubscribed", "tags": ["*"]})
    await stage.happen(START + 2 * HOUR, {"event": "delivered", "tags": ["news"]})
    await project(stage)
    assert await stage.api.ok("GET", "/v3/{d}/tag?tag=SPRING+sale") == {
        "tag": "Spring Sale",
        "description": "",
        "first-seen": SHOWN,
        "last-seen": "2027-01-15T09:00:00Z",
    }
    for path in ("/v3/{d}/tags/news", "/v3/{d}/tags/NEWS/", "/v3/{d}/tag?tag=news"):
        assert (await stage.api.ok("GET", path))["last-seen"] == SHOWN
    # Some clients write a blank in a path as a plus sign.
    assert (await stage.api.ok("GET", "/v3/{d}/tags/Spring+Sale"))["tag"] == "Spring Sale"
    assert await names(stage) == ["news", "Spring Sale"]


async def test_a_replay_starts_with_the_oldest_event(stage: Stage) -> None:
    await stage.happen(START, {"event": "accepted", "tags": ["before"]})
    await project(stage)
    assert await names(stage) == ["before"]


async def test_pages(stage: Stage) -> None:
    await used(stage, START, *(f"t{n:02d}" for n in range(25)), "other")
    found, url = [], "https://api.test/v3/one.example.com/tags?limit=10&prefix=T"
    while True:
        page = await stage.api.ok("GET", url.removeprefix("https://api.test"))
        assert set(page["paging"]) == {"first", "next", "previous", "last"}
        assert all(isinstance(link, str) and link.startswith("https://") for link in page["paging"].values())
        if not page["items"]:
            break
        found.append([each["tag"] for each in page["items"]])
        url = page["paging"]["next"]
    assert found == [[f"t{n:02d}" for n in range(at, min(at + 10, 25))] for at in (0, 10, 20)]
    back = await stage.api.ok("GET", page["paging"]["previous"].removeprefix("https://api.test"))
    assert [each["tag"] for each in back["items"]] == found[-1] or back["items"]
    assert await names(stage, page="last", limit=2) == ["t23", "t24"]
    assert await names(stage, prefix="o") == ["other"]
    assert await names(stage, prefix="%") == []


async def test_described_and_deleted(stage: Stage) -> None:
    await used(stage, START, "news", "sale")
    assert await stage.api.ok("PUT", "/v3/{d}/tag?tag=news&description=Monthly") == {"message": "Tag updated"}
    assert (await stage.api.ok("GET", "/v3/{d}/tags/news"))["description"] == "Monthly"
    assert await stage.api.ok("PUT", "/v3/{d}/tags/news", data={"description": "Weekly"}) == {
        "message": "Tag updated"
    }
    await used(stage, START + HOUR, "news")
    assert (await stage.api.ok("GET", "/v3/{d}/tags/news"))["description"] == "Weekly"
    for method, path in (
        ("GET", "/v3/{d}/tags/none"),
        ("PUT", "/v3/{d}/tag?tag=none&description=x"),
        ("DELETE", "/v3/{d}/tag?tag=none"),
    ):
        answer = await stage.api.call(method, path)
        assert (answer.status_code, answer.json()) == (404, {"message": "Tag not found"})
    assert (await stage.api.call("GET", "/v3/{d}/tag")).status_code == 400
    assert (
        await stage.api.call("PUT", "/v3/{d}/tag", params={"tag": "news", "description": "x" * 2000})
    ).status_code == 400
    assert await stage.api.ok("DELETE", "/v3/{d}/tag?tag=news") == {"message": "Tag deleted"}
    assert await names(stage) == ["sale"]
    # The account's own entry went with the last of its domains, and comes back with the next message.
    assert await account_tags(stage) == ["sale"]
    await used(stage, START + 2 * HOUR, "news")
    assert (await stage.api.ok("GET", "/v3/{d}/tags/news"))["first-seen"] == "2027-01-15T10:00:00Z"


async def account_tags(stage: Stage, **query: Any) -> list[str]:
    found = await stage.api.ok("POST", "/v1/analytics/tags", json=query)
    return [each["tag"] for each in found["items"]]


async def test_tags_of_the_account(stage: Stage) -> None:
    child = stage.child("child.example.com")
    await used(stage, START, "news", "sale")
    await used(stage, START + HOUR, "news", tenant=child)
    found = await stage.api.ok("POST", "/v1/analytics/tags", json={"pagination": {"include_total": True}})
    one = stage.api.one.account_id
    assert found["items"][0] == {
        "account_id": one,
        "parent_account_id": one,
        "account_name": "one.example.com",
        "tag": "news",
        "description": "",
        "first_seen": "Fri, 15 Jan 2027 08:00:00 +0000",
        "last_seen": "Fri, 15 Jan 2027 08:00:00 +0000",
        "metrics": {},
    }
    assert found["pagination"] == {"sort": "", "skip": 0, "limit": 10, "include_total": True, "total": 2}
    both = await stage.api.ok(
        "POST",
        "/v1/analytics/tags",
        json={"include_subaccounts": True, "pagination": {"sort": "lastseen:desc", "limit": 1}},
    )
    assert (both["items"][0]["account_id"], both["items"][0]["parent_account_id"]) == (child.account_id, one)
    assert both["pagination"] == {"sort": "lastseen:desc", "skip": 0, "limit": 1, "include_total": False}
    assert await account_tags(stage, tag="N") == ["news"]
    assert await account_tags(stage, pagination={"sort": "tag:desc"}) == ["sale", "news"]
    assert await account_tags(stage, pagination={"skip": 1}) == ["sale"]
    for bad in ({"sort": "x:asc"}, {"sort": "tag:up"}, {"limit": 1001}, {"skip": -1}):
        assert (
            await stage.api.call("POST", "/v1/analytics/tags", json={"pagination": bad})
        ).status_code == 400
    with_metrics = {"include_metrics": True, "pagination": {"limit": 21}}
    assert (await stage.api.call("POST", "/v1/analytics/tags", json=with_metrics)).status_code == 400


async def test_changes_of_the_account(stage: Stage) -> None:
    await used(stage, START, "news", "sale")
    assert await stage.api.ok(
        "PUT", "/v1/analytics/tags", json={"tag": "news", "description": "Monthly"}
    ) == {"message": "Tag updated"}
    (found,) = (await stage.api.ok("POST", "/v1/analytics/tags", json={"tag": "news"}))["items"]
    assert found["description"] == "Monthly"
    assert await stage.api.ok("GET", "/v1/analytics/tags/limits") == {
        "limit": 100_000,
        "count": 2,
        "limit_reached": False,
    }
    # Two clients label JSON as a form here (behaviour.md 1.5).
    body = b'{"tag":"news"}'
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert await stage.api.ok("DELETE", "/v1/analytics/tags", content=body, headers=form) == {
        "message": "Tag deleted"
    }
    assert await account_tags(stage) == ["sale"]
    assert await names(stage) == ["sale"]
    for method in ("PUT", "DELETE"):
        answer = await stage.api.call(method, "/v1/analytics/tags", json={"tag": "news", "description": "x"})
        assert (answer.status_code, answer.json()) == (404, {"message": "Tag not found"})
        assert (await stage.api.call(method, "/v1/analytics/tags", json={})).status_code == 400


async def test_figures_of_tags(stage: Stage) -> None:
    at = stage.api.clock.now()
    await used(stage, at, "news")
    await stage.happen(
        at,
        {"event": "delivered", "tags": ["news"], "envelope": {"transport": "smtp"}},
        {"event": "failed", "severity": "permanent", "reason": "bounce", "tags": ["News"]},
        {"event": "delivered", "tags": ["sale"]},
    )
    (found,) = (await stage.api.ok("POST", "/v1/analytics/tags", json={"include_metrics": True}))["items"]
    metrics = found["metrics"]
    assert (metrics["delivered_count"], metrics["permanent_failed_count"]) == (1, 1)
    assert (metrics["delivered_rate"], metrics["hard_bounce_rate"]) == ("0.5000", "0.5000")
    assert metrics["esp_block_count"] == 0 and metrics["soft_bounce_rate"] == "0.0000"


async def test_limits(stage: Stage, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "DOMAIN_LIMIT", 3)
    monkeypatch.setattr(service, "ACCOUNT_LIMIT", 3)
    await used(stage, START, "a", "b")
    await used(stage, START, "c", "d", "a")
    assert len(await names(stage)) == 3
    assert await names(stage) == await account_tags(stage)
    found = await stage.api.ok("GET", "/v3/domains/{d}/limits/tag")
    assert found["count"] == 3 and isinstance(found["id"], str)
    # One that is there goes on being seen.
    await used(stage, START + HOUR, "a")
    assert (await stage.api.ok("GET", "/v3/{d}/tags/a"))["last-seen"] == "2027-01-15T09:00:00Z"


async def test_lists_of_values(stage: Stage) -> None:
    get = stage.api.ok
    assert (await get("GET", "/v3/domains/{d}/tag/devices"))["items"] == [
        "desktop",
        "mobile",
        "tablet",
        "unknown",
    ]
    assert "gmail.com" in (await get("GET", "/v3/domains/{d}/tag/providers"))["items"]
    countries = (await get("GET", "/v3/domains/{d}/tag/countries"))["items"]
    assert len(countries) == 249 and all(len(each) == 2 and each.isupper() for each in countries)


async def test_strangers(stage: Stage) -> None:
    await used(stage, START, "news")
    two = stage.api.two
    for path in ("/v3/{d}/tags", "/v3/{d}/tags/news", "/v3/{d}/tag?tag=news", "/v3/domains/{d}/limits/tag"):
        assert (await stage.api.call("GET", path, key=two.key)).status_code == 404
    assert await stage.api.ok("POST", "/v1/analytics/tags", json={}, key=two.key) == {
        "items": [],
        "pagination": {"sort": "", "skip": 0, "limit": 10, "include_total": False},
    }
    reader = stage.api.key(stage.api.one.account_id, "basic")
    assert await account_tags(stage) == ["news"]
    assert (await stage.api.call("POST", "/v1/analytics/tags", json={}, key=reader)).status_code == 200
    assert (await stage.api.call("DELETE", "/v3/{d}/tag?tag=news", key=reader)).status_code == 403
