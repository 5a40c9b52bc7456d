"""Logs over HTTP: shapes, filters, pages that stay while events arrive, strangers."""

from email.utils import formatdate
from typing import Any

import msgspec
import pytest

from tests.analytics.conftest import DAY, HOUR, START, Stage

RANGE = {"start": formatdate((START - DAY) // 1_000_000), "end": formatdate((START + 2 * DAY) // 1_000_000)}


def numbers(answer: Any) -> list[int]:
    return [int(msgspec.json.decode(item["user-variables"])["n"]) for item in answer["items"]]


def told(n: int, event: str = "delivered", **more: Any) -> dict[str, Any]:
    return {"event": event, "user-variables": {"n": str(n)}, **more}


def where(attribute: str, comparator: str, *values: str) -> dict[str, Any]:
    labelled = [{"label": value, "value": value} for value in values]
    return {"AND": [{"attribute": attribute, "comparator": comparator, "values": labelled}]}


async def test_shape(stage: Stage) -> None:
    at = START + 123_456
    await stage.happen(
        at,
        told(
            1,
            recipient="Bob@X.test",
            storage={"url": "https://h/1", "key": "k"},
            routes=[{"id": "r", "actions": ["a()", "b()"]}],
            flags={"is-routed": True},
            **{"delivered-at": 5},
        ),
    )
    for _ in ("tail", "table"):
        answer = await stage.logs(**RANGE, include_totals=True)
        (item,) = answer["items"]
        assert item == {
            "id": item["id"],
            "event": "delivered",
            "@timestamp": "2027-01-15T08:00:00.123Z",
            "log-level": "info",
            "account": {"id": stage.api.one.account_id},
            "domain": {"name": stage.api.one.domain},
            "recipient": "Bob@X.test",
            "user-variables": '{"n":"1"}',
            "storage": {"url": ["https://h/1"], "key": "k"},
            "routes": {"id": "r", "actions": "a(), b()"},
            "flags": {
                "is-authenticated": False,
                "is-system-test": False,
                "is-routed": True,
                "is-amp": False,
                "is-test-mode": False,
                "is-delayed-bounce": False,
                "is-callback": False,
                "is-encrypted": False,
                "is-webhook": False,
            },
            "delivered-at": "5",
            "tags": [],
            "campaigns": [],
        }
        assert set(answer) == {"start", "end", "items", "pagination", "aggregates"}
        assert (answer["start"], answer["end"]) == (
            "Thu, 14 Jan 2027 08:00:00 +0000",
            "Sun, 17 Jan 2027 08:00:00 +0000",
        )
        assert set(answer["pagination"]) == {"previous", "next", "first", "last", "total"}
        assert answer["pagination"]["total"] == 1
        assert answer["aggregates"] == {"all": 1, "metrics": {"delivered": 1}}
        await stage.sealer.seal()


async def test_nothing(stage: Stage) -> None:
    answer = await stage.logs()
    assert (answer["items"], answer["pagination"], answer["aggregates"]) == ([], {}, {})


async def test_default_is_the_last_day(stage: Stage) -> None:
    await stage.happen(START - DAY - 1, told(1))
    await stage.happen(START - DAY + 1, told(2))
    await stage.happen(START, told(3))
    assert numbers(await stage.logs()) == [3, 2]
    assert numbers(await stage.logs(duration="2d")) == [3, 2, 1]
    assert numbers(await stage.logs(duration="1h")) == [3]


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({"events": ["delivered"]}, [1, 6]),
    ({"events": ["opened", "failed"]}, [2, 3, 4, 5]),
    ({"events": ["unique_opened"]}, [4]),
    ({"metric_events": ["unique_opened", "temporary_failed"]}, [2, 4]),
    ({"metric_events": ["accepted_outgoing"]}, [0]),
    ({"metric_events": ["hard_bounces"]}, [3]),
    ({"events": ["failed"], "metric_events": ["temporary_failed"]}, [2]),
    ({"filter": where("event", "=", "unique_opened")}, [4]),
    ({"filter": where("event", "!=", "opened", "failed")}, [0, 1, 6]),
    ({"filter": where("recipient", "=", "BOB@x.test")}, [0, 1, 2]),
    ({"filter": where("recipient", "contains", "x.test")}, [0, 1, 2, 3]),
    ({"filter": where("recipient", "not contains", "x.test")}, [4, 5, 6]),
    ({"filter": where("message_id", "=", "<ABC@mg.test>")}, [0, 1]),
    ({"filter": where("tag", "=", "vip")}, [0, 4]),
    ({"filter": where("severity", "=", "permanent")}, [3]),
    ({"filter": where("from", "contains", "ann")}, [3]),
    ({"filter": where("to", "contains", "Carol")}, [3]),
    ({"filter": where("subject", "=", "big news")}, [0]),
    ({"filter": where("recipients", "contains", "dave@x")}, [1]),
    ({"filter": where("attachment_filename", "=", "A.pdf")}, [3]),
    ({"filter": where("user_variables", "contains", '"n":"3"')}, [3]),
    ({"filter": where("mailing_list_address", "contains", "lists.test")}, [5]),
    ({"filter": where("size", ">", "150")}, [2, 3]),
    ({"filter": where("size", "<", "250")}, [0, 1, 2, 4, 5, 6]),
    ({"filter": where("delivery_status_code", "=", "550", "551")}, [3]),
    ({"filter": where("delivery_status_message", "contains", "NO SUCH")}, [3]),
    ({"filter": where("delivery_status_bounce_type", "=", "hard")}, [3]),
    ({"filter": where("is_routed", "=", "true")}, [6]),
    ({"filter": where("is_routed", "!=", "true")}, [0, 1, 2, 3, 4, 5]),
    ({"filter": where("delivered_at", "<", formatdate(1000))}, [4]),
    ({"filter": where("i_classification_rule_id", "=", "r1")}, [3]),
    ({"filter": where("i_classification_group_id", "=", "g1")}, [3]),
    ({"filter": where("bot", "=", "apple")}, [5]),
    ({"filter": where("device", "contains", "mob")}, [4]),
    ({"filter": where("country", "=", "fr")}, [4]),
    ({"filter": where("ip", "=", "192.0.2.7")}, [1]),
    ({"filter": where("ip_pool", "=", "pool1")}, [1]),
    ({"filter": where("domain", "contains", "one.")}, [0, 1, 2, 3, 4, 5, 6]),
    ({"filter": where("recipient_provider", "=", "gmail")}, [6]),
]


async def seven(stage: Stage) -> None:
    """Events 0 to 6, an hour apart, the first three sealed."""

    def message(**headers: str) -> dict[str, Any]:
        return {"headers": {name.replace("_", "-").strip("-"): text for name, text in headers.items()}}

    bob = {"recipient": "Bob@X.test", "recipient-domain": "x.test"}
    abc = message(message_id="Abc@mg.test")
    all_of = [
        told(
            0,
            "accepted",
            **bob,
            tags=["VIP"],
            message=message(message_id="Abc@mg.test", subject="Big News"),
            flags={"is-authenticated": True},
        ),
        told(
            1,
            **bob,
            message=abc | {"recipients": ["Dave@X.test"]},
            envelope={"sending-ip": "192.0.2.7", "i-ip-pool-id": "pool1"},
        ),
        told(2, "failed", severity="temporary", **bob, message={"size": 200}),
        told(
            3,
            "failed",
            severity="permanent",
            reason="bounce",
            recipient="carol@x.test",
            i_classification_rule_id="r1",
            i_classification_group_id="g1",
            message=message(from_="Ann <ann@mg.test>", to="Carol <carol@x.test>")
            | {"attachments": [{"filename": "a.pdf"}], "size": 300},
            **{"delivery-status": {"code": 550, "message": "No such user", "bounce-type": "hard"}},
        ),
        told(
            4,
            "opened",
            recipient="eve@y.test",
            tags=["vip", "gold"],
            geolocation={"country": "FR"},
            **{"i-unique": True, "delivered-at": 999, "client-info": {"device-type": "mobile"}},
        ),
        told(
            5,
            "opened",
            recipient="eve@y.test",
            **{"client-info": {"bot": "apple"}, "mailing-list": {"address": "all@lists.test"}},
        ),
        told(6, flags={"is-routed": True}, **{"recipient-provider": "Gmail"}),
    ]
    for n, each in enumerate(all_of):
        await stage.happen(START + n * HOUR, each)
        if n == 2:
            await stage.sealer.seal()


async def test_filters(stage: Stage) -> None:
    await seven(stage)
    for _ in ("table and tail", "table"):
        for query, found in FILTERS:
            answer = await stage.logs(**RANGE, **query, pagination={"sort": "timestamp:asc"})
            assert numbers(answer) == found, query
        await stage.sealer.seal()


async def test_pages_stay_while_events_arrive(stage: Stage) -> None:
    for n in range(10):
        await stage.happen(START + n * HOUR, told(n))
        if n in (2, 6):
            await stage.sealer.seal()

    async def page(token: str) -> tuple[list[int], dict[str, str]]:
        answer = await stage.logs(pagination={"token": token})
        return numbers(answer), answer["pagination"]

    answer = await stage.logs(**RANGE, pagination={"limit": 4})
    assert numbers(answer) == [9, 8, 7, 6]
    await stage.happen(START + 11 * HOUR, told(11))
    second, around = await page(answer["pagination"]["next"])
    assert second == [5, 4, 3, 2]
    await stage.sealer.seal()
    third, then = await page(around["next"])
    assert third == [1, 0]
    assert (await page(then["next"]))[0] == []
    assert (await page(then["previous"]))[0] == [5, 4, 3, 2]
    assert (await page(then["first"]))[0] == [11, 9, 8, 7]
    assert (await page(then["last"]))[0] == [3, 2, 1, 0]
    # Rising: behind the end there is later more.
    answer = await stage.logs(**RANGE, pagination={"limit": 100, "sort": "timestamp:asc"})
    assert numbers(answer) == [*range(10), 11]
    following = answer["pagination"]["next"]
    empty, around = await page(following)
    assert empty == []
    await stage.happen(START + 12 * HOUR, told(12))
    assert (await page(around["next"]))[0] == [12]
    assert (await page(following))[0] == [12]


async def test_every_event_once(stage: Stage) -> None:
    # Many at the very same time, sealed in between.
    for n in range(0, 60, 20):
        await stage.happen(START, *[told(m) for m in range(n, n + 20)])
        if n == 20:
            await stage.sealer.seal()
    for way, expected in (("asc", list(range(60))), ("desc", list(range(60))[::-1])):
        answer = await stage.logs(**RANGE, pagination={"limit": 7, "sort": f"timestamp:{way}"})
        seen = []
        while answer["items"]:
            seen += numbers(answer)
            answer = await stage.logs(pagination={"token": answer["pagination"]["next"]})
        assert seen == expected


async def test_subaccounts_and_strangers(stage: Stage) -> None:
    child = stage.child("child.example.com")
    for n, tenant in enumerate((stage.api.one, child, stage.api.two)):
        await stage.happen(START, told(n), tenant=tenant)
    assert numbers(await stage.logs(**RANGE)) == [0]
    answer = await stage.logs(**RANGE, include_subaccounts=True, pagination={"limit": 1})
    assert numbers(answer) == [1]
    parent = {"id": child.account_id, "parent-id": stage.api.one.account_id}
    assert answer["items"][0]["account"] == parent
    token = answer["pagination"]["next"]
    assert numbers(await stage.logs(pagination={"token": token})) == [0]
    # A token says what is looked for, not whose.
    other = await stage.api.ok(
        "POST", "/v1/analytics/logs", json={"pagination": {"token": token}}, key=stage.api.two.key
    )
    assert numbers(other) == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"filter": where("moon", "=", "x")}, "'moon' is not a valid filter predicate attribute"),
        ({"filter": where("to", "=", "x")}, "'=' is not a valid comparator for 'to'"),
        ({"filter": where("size", "=", "5")}, "'=' is not a valid comparator for 'size'"),
        ({"filter": where("size", ">", "big")}, "Invalid value for 'size'"),
        ({"filter": where("size", ">", "9" * 30)}, "Invalid value for 'size'"),
        ({"filter": where("is_routed", "=", "perhaps")}, "Invalid value for 'is_routed'"),
        ({"filter": where("subject", "=")}, "'subject' filter predicate has no values"),
        ({"filter": where("subject", "=", "x" * 1001)}, "'subject' filter predicate is too large"),
        ({"events": ["moon"]}, "'moon' is not a valid event"),
        ({"metric_events": ["moon"]}, "'moon' is not a valid metric event"),
        ({"pagination": {"sort": "subject:asc"}}, "'sort' attribute is invalid"),
        ({"pagination": {"limit": 101}}, "'limit' attribute is invalid: at most 100 expected"),
        ({"pagination": {"token": "nonsense"}}, "Invalid paging token"),
        ({"pagination": {"token": "e30"}}, "Invalid paging token"),
        ({"duration": "soon"}, "'duration' attribute is invalid"),
    ],
)
async def test_refusals(stage: Stage, query: dict[str, Any], message: str) -> None:
    assert await stage.refused("logs", **query) == message
