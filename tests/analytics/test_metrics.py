"""Metrics and usage over HTTP: shapes, groups, bounds, refusals, subaccounts."""

from email.utils import formatdate
from typing import Any

import pytest

from postwright.analytics import Sealer
from tests.analytics.conftest import DAY, HOUR, START, Stage

RANGE = {"start": formatdate((START - DAY) // 1_000_000), "end": formatdate((START + 2 * DAY) // 1_000_000)}
SENT = {"flags": {"is-authenticated": True}}
SMTP = {"envelope": {"transport": "smtp", "sending-ip": "192.0.2.7"}, "delivery-status": {"attempt-no": 1}}


def counted(answer: Any) -> list[tuple[list[str], dict[str, Any]]]:
    return [([d["value"] for d in item["dimensions"]], item["metrics"]) for item in answer["items"]]


async def test_answer_in_full(stage: Stage) -> None:
    await stage.happen(START, {"event": "accepted", **SENT}, {"event": "delivered", **SMTP})
    await stage.happen(START + HOUR, {"event": "opened", "i-unique": True}, {"event": "opened"})
    for _ in ("tail", "table"):
        answer = await stage.metrics(
            **RANGE,
            dimensions=["time"],
            metrics=["accepted_count", "delivered_count", "opened_count", "unique_opened_rate"],
            include_aggregates=True,
        )
        metrics = {
            "accepted_count": 1,
            "delivered_count": 1,
            "opened_count": 2,
            "unique_opened_rate": "1.0000",
        }
        day = "Fri, 15 Jan 2027 00:00:00 +0000"
        assert answer == {
            "start": "Thu, 14 Jan 2027 00:00:00 +0000",
            "end": "Sun, 17 Jan 2027 00:00:00 +0000",
            "resolution": "day",
            "duration": "3d",
            "dimensions": ["time"],
            "pagination": {"sort": "", "skip": 0, "limit": 1500, "total": 1},
            "items": [
                {
                    "dimensions": [{"dimension": "time", "value": day, "display_value": day}],
                    "metrics": metrics,
                }
            ],
            "aggregates": {"metrics": metrics},
        }
        await stage.sealer.seal()


async def test_table_and_tail_are_one(stage: Stage) -> None:
    for n in range(6):
        await stage.happen(START + n * HOUR, {"event": "delivered", **SMTP})
        if n % 2:
            assert await stage.sealer.seal()
        found = await stage.metrics(**RANGE, metrics=["delivered_count"])
        assert counted(found) == [([], {"delivered_count": n + 1})]
    assert not await stage.sealer.seal()


async def test_two_sealers_seal_once(stage: Stage) -> None:
    other = Sealer(stage.api.context.settings, stage.api.db, stage.api.clock)
    await stage.happen(START, *[{"event": "delivered", **SMTP}] * 5)
    before = stage.sealer._table.version()
    assert other._table.version().position == before.position == 0
    assert await other.seal()
    stage.sealer._table.version = lambda: before  # type: ignore[method-assign]  # it has not looked since
    await stage.sealer.seal()
    found = await stage.metrics(**RANGE, metrics=["delivered_count"])
    assert counted(found) == [([], {"delivered_count": 5})]


async def test_resolutions(stage: Stage) -> None:
    for at in (START, START + HOUR, START + DAY, START + 20 * DAY):
        await stage.happen(at, {"event": "delivered", **SMTP})
    end = formatdate((START + 30 * DAY) // 1_000_000)

    async def values(resolution: str) -> list[str]:
        found = await stage.metrics(
            end=end, duration="2m", resolution=resolution, dimensions=["time"], metrics=["delivered_count"]
        )
        return [item["dimensions"][0]["value"] for item in found["items"]]

    assert await values("hour") == [
        "Fri, 15 Jan 2027 08:00:00 +0000",
        "Fri, 15 Jan 2027 09:00:00 +0000",
        "Sat, 16 Jan 2027 08:00:00 +0000",
        "Thu, 04 Feb 2027 08:00:00 +0000",
    ]
    assert len(await values("day")) == 3
    assert await values("month") == ["Fri, 01 Jan 2027 00:00:00 +0000", "Mon, 01 Feb 2027 00:00:00 +0000"]


async def test_dimensions_and_filters(stage: Stage) -> None:
    place = {"geolocation": {"country": "FR"}, "client-info": {"device-type": "mobile", "bot": "apple"}}
    await stage.happen(
        START,
        {"event": "delivered", "tags": ["News", "vip"], "recipient-domain": "x.test", **SMTP},
        {"event": "delivered", "tags": ["news"], "recipient-domain": "y.test", **SMTP},
        {"event": "delivered", "recipient-provider": "Gmail", "domain": "other.example.com", **SMTP},
        {"event": "opened", **place},
        {"event": "opened", "client-info": {"bot": None}},
    )
    await stage.sealer.seal()

    async def by(*dimensions: str, **more: Any) -> list[tuple[list[str], int]]:
        wanted = {"metrics": ["delivered_count", "opened_count"]} | more
        found = await stage.metrics(**RANGE, dimensions=dimensions, **wanted)
        return [(values, sum(metrics.values())) for values, metrics in counted(found)]

    assert await by("tag") == [(["News"], 2), (["vip"], 1)]
    assert await by("bot", metrics=["opened_count"]) == [([""], 1), (["apple"], 1)]
    assert await by("country", "device", metrics=["opened_count"]) == [(["", ""], 1), (["FR", "mobile"], 1)]
    assert await by("ip") == [([""], 2), (["192.0.2.7"], 3)]
    assert await by("domain", metrics=["delivered_count"]) == [
        (["one.example.com"], 2),
        (["other.example.com"], 1),
    ]
    assert await by("recipient_domain", "tag", metrics=["delivered_count"]) == [
        (["x.test", "News"], 1),
        (["x.test", "vip"], 1),
        (["y.test", "news"], 1),
    ]

    def one(attribute: str, comparator: str, *values: str) -> dict[str, Any]:
        return {
            "AND": [
                {
                    "attribute": attribute,
                    "comparator": comparator,
                    "values": [{"label": value, "value": value} for value in values],
                }
            ]
        }

    for condition, total in (
        (one("tag", "=", "NEWS"), 2),
        (one("tag", "!=", "news"), 3),
        (one("tag", "contains", "ew"), 2),
        (one("tag", "not contains", "ew"), 3),
        (one("domain", "=", "one.example.com", "other.example.com"), 5),
        (one("domain", "contains", "other"), 1),
        (one("recipient_provider", "=", "gmail"), 1),
        (one("country", "!=", "FR"), 4),
        (one("ip", "=", "192.0.2.7"), 3),
        (one("ip_pool", "=", "p"), 0),
        ({"AND": one("tag", "=", "vip")["AND"] + one("tag", "=", "news")["AND"]}, 1),
    ):
        found = await by(filter=condition)
        assert found == ([([], total)] if total else []), condition


async def test_sort_and_pages(stage: Stage) -> None:
    for n in range(5):
        told = {"event": "delivered", "recipient-domain": f"d{n}.test", **SMTP}
        await stage.happen(START, *[told] * (n + 1), {"event": "opened", "recipient-domain": f"d{n}.test"})

    async def page(**pagination: Any) -> tuple[list[str], dict[str, Any]]:
        found = await stage.metrics(
            **RANGE,
            dimensions=["recipient_domain"],
            metrics=["delivered_count"],
            pagination=pagination,
        )
        return [item["dimensions"][0]["value"][1] for item in found["items"]], found["pagination"]

    assert await page() == (list("01234"), {"sort": "", "skip": 0, "limit": 10, "total": 5})
    assert (await page(sort="delivered_count:desc"))[0] == list("43210")
    assert (await page(sort="opened_rate:asc"))[0] == list("43210")
    assert (await page(sort="recipient_domain:desc", limit=2, skip=1))[0] == list("32")
    beyond = await page(skip=7, limit=2, sort="delivered_count:desc")
    assert beyond == ([], {"sort": "delivered_count:desc", "skip": 7, "limit": 2, "total": 5})


async def test_subaccounts(stage: Stage) -> None:
    child = stage.child("child.example.com")
    for tenant in (stage.api.one, child, stage.api.two):
        await stage.happen(START, {"event": "delivered", **SMTP}, tenant=tenant)

    async def found(**more: Any) -> Any:
        answer = await stage.metrics(**RANGE, dimensions=["subaccount"], metrics=["processed_count"], **more)
        return [tuple(item["dimensions"][0].values()) for item in answer["items"]]

    mine = ("subaccount", stage.api.one.account_id, "one.example.com")
    other = ("subaccount", child.account_id, "child.example.com")
    assert await found() == [mine]
    assert sorted(await found(include_subaccounts=True)) == sorted([mine, other])
    assert sorted(await found(include_subaccounts=True, usage=True)) == sorted([mine, other])
    only = {"AND": [{"attribute": "subaccount", "comparator": "=", "values": [{"value": child.account_id}]}]}
    assert await found(include_subaccounts=True, filter=only) == [other]
    # What belongs to a stranger is never found, whatever is asked for.
    only["AND"][0]["values"] = [{"value": stage.api.two.account_id}]
    assert await found(include_subaccounts=True, filter=only) == []


async def test_usage(stage: Stage) -> None:
    await stage.happen(START, {"event": "delivered", **SMTP})
    found = await stage.metrics(
        usage=True,
        **RANGE,
        dimensions=["time"],
        metrics=["processed_count", "email_validation_count"],
        include_aggregates=True,
    )
    assert found["items"][0]["metrics"] == {"processed_count": 1, "email_validation_count": 0}
    assert found["aggregates"] == {"metrics": {"processed_count": 1, "email_validation_count": 0}}


async def test_nothing_asked(stage: Stage) -> None:
    found = await stage.metrics()
    assert (found["items"], found["aggregates"]) == ([], {"metrics": {}})
    # What clients send for values that are not set.
    zero = "Mon, 01 Jan 0001 00:00:00 +0000"
    await stage.happen(START, {"event": "delivered", **SMTP})
    for unset in ("", zero):
        found = await stage.metrics(start=unset, end=unset, metrics=["delivered_count"], resolution="")
        assert found["items"] == [{"dimensions": [], "metrics": {"delivered_count": 1}}]
        assert (found["resolution"], found["duration"]) == ("day", "7d")
    # ISO dates, and as a form.
    found = await stage.metrics(start="2027-01-15T07:00:00Z", metrics=["delivered_count"])
    assert found["items"]


def _predicate(attribute: str, comparator: str = "=") -> dict[str, Any]:
    return {"AND": [{"attribute": attribute, "comparator": comparator, "values": [{"value": "x"}]}]}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"resolution": "week"}, "'resolution' attribute is invalid"),
        ({"filter": _predicate("moon")}, "'moon' is not a valid filter predicate attribute"),
        ({"filter": _predicate("time")}, "'time' is not a valid filter predicate attribute"),
        ({"filter": _predicate("tag", "~")}, "'~' is not a valid comparator for 'tag'"),
        ({"duration": "1w"}, "'duration' attribute is invalid"),
        ({"duration": "99999m"}, "'duration' attribute is invalid"),
        ({"dimensions": ["moon"]}, "'moon' is not a valid dimension"),
        (
            {"dimensions": ["time", "tag", "bot", "ip"]},
            "'dimensions' attribute is invalid: at most 3 expected",
        ),
        ({"metrics": ["moons"]}, "'moons' is not a valid metric"),
        ({"metrics": ["delivered"]}, "'delivered' is not a valid metric"),
        ({"pagination": {"sort": "moon:asc"}}, "'sort' attribute is invalid"),
        ({"pagination": {"sort": "tag:up"}}, "'sort' attribute is invalid"),
        ({"pagination": {"limit": 5000}}, "'limit' attribute is invalid: at most 1000 expected"),
        ({"pagination": {"skip": -1}}, "'skip' attribute is invalid"),
        ({"start": "yesterday"}, "start parameter is not valid: yesterday is not an RFC-2822 compliant date"),
        ({"start": 5, "end": 4}, "'start' must not be after 'end'"),
        ({"start": "0002-01-01"}, "'start' or 'end' attribute is invalid"),
    ],
)
async def test_refusals(stage: Stage, query: dict[str, Any], message: str) -> None:
    assert await stage.refused("metrics", **query) == message


@pytest.mark.parametrize(
    "odd", [{"tags": 5}, {"message": {"size": "big"}}, {"geolocation": None}, {"flags": []}]
)
async def test_odd_events_do_not_stop_anything(stage: Stage, odd: dict[str, Any]) -> None:
    await stage.happen(START, {"event": "delivered", "recipient-domain": "x.test", **SMTP} | odd)
    for _ in ("tail", "table"):
        found = await stage.metrics(**RANGE, dimensions=["recipient_domain"], metrics=["delivered_count"])
        assert counted(found) == [(["x.test"], {"delivered_count": 1})]
        await stage.sealer.seal()
