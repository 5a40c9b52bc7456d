"""Statistics as clients see them."""

from typing import Any

from postwright.tags import TagProjection
from tests.analytics.conftest import DAY, START, Stage


def happened(event: str, **more: Any) -> dict[str, Any]:
    return {"event": event, **more}


SMTP = {"envelope": {"transport": "smtp"}}


async def some(stage: Stage, at: int) -> None:
    """One of each kind."""
    await stage.happen(
        at,
        happened(
            "accepted", flags={"is-authenticated": True}, tags=["news"], **{"recipient-domain": "gmail.com"}
        ),
        happened("accepted", flags={"is-authenticated": False}),
        happened("delivered", **SMTP, tags=["news"], **{"recipient-domain": "gmail.com"}),
        happened("delivered", envelope={"transport": "http"}),
        happened("failed", severity="temporary", reason="espblock"),
        happened("failed", severity="temporary", reason="generic"),
        happened("failed", severity="permanent", reason="bounce"),
        happened("failed", severity="permanent", reason="bounce", flags={"is-delayed-bounce": True}),
        happened("failed", severity="permanent", reason="suppress-bounce"),
        happened("failed", severity="permanent", reason="suppress-unsubscribe"),
        happened("failed", severity="permanent", reason="suppress-complaint"),
        happened("failed", severity="permanent", reason="generic", flags={"is-callback": True}),
        happened(
            "opened",
            **{"i-unique": True, "client-info": {"device-type": "mobile"}},
            tags=["news"],
            geolocation={"country": "DE"},
        ),
        happened("opened", **{"client-info": {"device-type": "mobile"}}, geolocation={"country": "DE"}),
        happened("clicked", **{"i-unique": True, "client-info": {"device-type": "desktop"}}),
        happened("unsubscribed", tags=["*"]),
        happened("complained"),
        happened("stored"),
    )


EVENTS = ["accepted", "delivered", "failed", "opened", "clicked", "unsubscribed", "complained", "stored"]
FULL = {
    "accepted": {"incoming": 1, "outgoing": 1, "total": 2},
    "delivered": {"smtp": 1, "http": 1, "optimized": 0, "total": 2},
    "failed": {
        "temporary": {"espblock": 1, "total": 2},
        "permanent": {
            "suppress-bounce": 1,
            "suppress-unsubscribe": 1,
            "suppress-complaint": 1,
            "bounce": 3,
            "delayed-bounce": 1,
            "webhook": 1,
            "optimized": 0,
            "total": 6,
        },
    },
    "opened": {"total": 2, "unique": 1},
    "clicked": {"total": 1, "unique": 1},
    "unsubscribed": {"total": 1},
    "complained": {"total": 1},
    "stored": {"total": 1},
}


async def test_every_bucket_of_a_week(stage: Stage) -> None:
    await some(stage, START)
    stage.api.clock.advance(2 * DAY / 1e6)
    for path in ("/v3/{d}/stats/total", "/v3/stats/total", "/v3/stats/filter"):
        found = await stage.api.ok("GET", path, params=[("event", name) for name in EVENTS])
        found.pop("type", None)
        assert {name: found[name] for name in ("description", "start", "end", "resolution")} == {
            "description": "",
            "start": "Sun, 10 Jan 2027 00:00:00 UTC",
            "end": "Sun, 17 Jan 2027 00:00:00 UTC",
            "resolution": "day",
        }
        stats = found["stats"]
        assert len(stats) == 8
        assert stats[5] == {"time": "Fri, 15 Jan 2027 00:00:00 UTC", **FULL}
        assert stats[7]["time"] == "Sun, 17 Jan 2027 00:00:00 UTC"
        assert stats[4]["failed"]["permanent"]["total"] == 0 and stats[4]["opened"] == {
            "total": 0,
            "unique": 0,
        }


async def test_ranges(stage: Stage) -> None:
    await some(stage, START)

    async def times(**query: Any) -> list[str]:
        found = await stage.api.ok("GET", "/v3/{d}/stats/total", params={"event": "stored", **query})
        return [each["time"][5:22] for each in found["stats"] if each["stored"]["total"]] + [
            str(len(found["stats"]))
        ]

    assert await times(resolution="hour", duration="3h") == ["15 Jan 2027 08:00", "4"]
    assert await times(resolution="month", duration="2m") == ["01 Jan 2027 00:00", "3"]
    assert await times(start="Thu, 14 Jan 2027 09:00:00 -0000", end=f"{START // 1_000_000}") == [
        "15 Jan 2027 00:00",
        "2",
    ]
    assert await times(start="1800000000", end="1800003600", resolution="hour") == ["15 Jan 2027 08:00", "2"]
    # What was asked last of names that repeat, and PHP's own way of writing lists.
    found = await stage.api.ok("GET", "/v3/{d}/stats/total?event[0]=opened&event[1]=stored")
    assert set(found["stats"][0]) == {"time", "opened", "stored"}


async def test_refused(stage: Stage) -> None:
    for query in (
        {},
        {"event": "sent"},
        {"event": "opened", "resolution": "week"},
        {"event": "opened", "duration": "5x"},
        {"event": "opened", "start": "yesterday"},
        {"event": "opened", "resolution": "hour", "start": "1"},
        {"event": "opened", "start": "1800000000", "end": "1700000000"},
    ):
        for path in ("/v3/{d}/stats/total", "/v3/stats/total"):
            answer = await stage.api.call("GET", path, params=query)
            assert answer.status_code == 400 and answer.json()["message"], (query, answer.text)
    for query in ({"group": "nonsense"}, {"filter": "domain"}, {"filter": "x:y"}):
        answer = await stage.api.call("GET", "/v3/stats/filter", params={"event": "opened"} | query)
        assert answer.status_code == 400
    assert (await stage.api.call("GET", "/v3/stats/total/domains?event=opened")).status_code == 400
    stranger = stage.api.two.key
    for path in ("stats/total?event=opened", "aggregates/devices", "tag/stats?tag=x&event=opened"):
        assert (await stage.api.call("GET", f"/v3/{{d}}/{path}", key=stranger)).status_code == 404
    assert (await stage.api.call("GET", "/v3/{d}/tag/stats?tag=none&event=opened")).status_code == 404


async def test_by_domain_and_by_other_things(stage: Stage) -> None:
    await some(stage, START)
    other = stage.api.two
    await stage.happen(START, happened("stored"), tenant=other)
    found = await stage.api.ok(
        "GET", "/v3/stats/total/domains", params={"event": "stored", "timestamp": "1800000000"}
    )
    assert [(each["domain"], each["stored"]) for each in found["stats"]] == [
        ("one.example.com", {"total": 1})
    ]
    assert found["start"] == found["end"] == "Fri, 15 Jan 2027 00:00:00 UTC"
    page = {"event": "stored", "timestamp": "1800000000", "skip": "1"}
    assert (await stage.api.ok("GET", "/v3/stats/total/domains", params=page))["stats"] == []

    async def grouped(**query: Any) -> Any:
        return (await stage.api.ok("GET", "/v3/stats/filter", params={"event": "accepted", **query}))["stats"]

    (total,) = await grouped(group="total")
    assert total["accepted"]["total"] == 2
    (tag,) = await grouped(group="tag")
    assert (tag["tag"], tag["accepted"]["total"]) == ("news", 1)
    found = {each["provider"]: each["accepted"]["total"] for each in await grouped(group="provider")}
    assert found == {"": 1, "gmail.com": 1}
    (total,) = await grouped(group="total", filter="domain:other.test") or [None]
    assert total["accepted"]["total"] == 0
    assert len(await grouped(group="hour", duration="2h")) == 3


async def test_aggregates(stage: Stage) -> None:
    await some(stage, START)
    found = await stage.api.ok("GET", "/v3/{d}/aggregates/providers")
    nothing = dict.fromkeys(
        (
            "accepted",
            "delivered",
            "opened",
            "clicked",
            "unique_opened",
            "unique_clicked",
            "unsubscribed",
            "complained",
        ),
        0,
    )
    assert found == {"providers": {"gmail.com": nothing | {"accepted": 1, "delivered": 1}}}
    found = await stage.api.ok("GET", "/v3/{d}/aggregates/devices")
    assert found["devices"]["mobile"] == nothing | {"opened": 2, "unique_opened": 1}
    assert list(found["devices"]) == ["desktop", "mobile", "tablet", "unknown"]
    found = await stage.api.ok("GET", "/v3/{d}/aggregates/countries")
    assert found == {"countries": {"de": nothing | {"opened": 2, "unique_opened": 1}}}


async def test_of_a_tag(stage: Stage) -> None:
    await some(stage, START)
    projection = TagProjection()
    await stage.api.db.write(projection.begin)
    await projection.catch_up(stage.api.db)
    for path in ("/v3/{d}/tag/stats?tag=News", "/v3/{d}/tags/news/stats?"):
        found = await stage.api.ok("GET", f"{path}&event=accepted&event=opened")
        assert (found["tag"], found["description"]) == ("news", "")
        assert found["stats"][-1]["accepted"]["total"] == 1 and found["stats"][-1]["opened"]["total"] == 1
    query = "/v3/{d}/tag/stats?tag=news&event=opened&event=delivered"
    last = (await stage.api.ok("GET", f"{query}&device=mobile&country=de"))["stats"][-1]
    assert (last["opened"]["total"], last["delivered"]["total"]) == (1, 0)
    last = (await stage.api.ok("GET", f"{query}&provider=gmail.com"))["stats"][-1]
    assert (last["opened"]["total"], last["delivered"]["total"]) == (0, 1)
    found = await stage.api.ok("GET", "/v3/{d}/tag/stats/aggregates?tag=news&type=device")
    assert found["tag"] == "news" and found["device"]["mobile"]["opened"] == 1
    found = await stage.api.ok("GET", "/v3/{d}/tags/news/stats/aggregates/countries")
    assert found["countries"]["de"]["opened"] == 1
    assert (await stage.api.call("GET", "/v3/{d}/tag/stats/aggregates?tag=news&type=x")).status_code == 400
    assert (await stage.api.call("GET", "/v3/{d}/tags/news/stats/aggregates/x")).status_code == 400
