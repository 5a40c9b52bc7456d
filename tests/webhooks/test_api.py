"""The three webhook APIs over real connections, on both databases: texts, limits, and what refusals leave alone."""

import re
from typing import Any

from postwright.events import WEBHOOK_TYPES
from postwright.testing.catcher import Answer, Catcher
from tests.e2e.conftest import DOMAIN

from .conftest import Site
from .test_sender import signed

A, B, C, D = (f"http://{name}.hooks.test/hook" for name in "abcd")


def shown(*urls: str) -> dict[str, Any]:
    return {"urls": list(urls), "url": urls[0]}


async def test_by_type(site: Site) -> None:
    assert await site.v3("GET") == (200, {"webhooks": {}})
    assert await site.v3("GET", "/clicked") == (
        404,
        {"Description": "Webhook not found", "message": "Webhook not found"},
    )
    form = [("id", "clicked"), ("url", A), ("url", B)]
    assert await site.v3("POST", data=form) == (
        200,
        {"message": "Webhook has been created", "webhook": shown(A, B)},
    )
    # Further URLs join, up to three.
    assert (await site.v3("POST", data={"id": "clicked", "url": C}))[1]["webhook"] == shown(A, B, C)
    assert await site.v3("GET", "/clicked") == (200, {"webhook": shown(A, B, C)})
    assert await site.v3("GET", "?limit=1&skip=5") == (200, {"webhooks": {"clicked": shown(A, B, C)}})

    status, body = await site.v3("POST", data={"id": "clicked", "url": D})
    assert (status, body["Description"]) == (409, "unable to add more than 3 urls for event type clicked")
    status, body = await site.v3("POST", data={"id": "clicked", "url": A})
    text = f"Webhook for event type 'clicked' with URL '{A}' already exists"
    assert (status, body) == (400, {"Reason": text, "message": text})
    assert await site.urls() == {"clicked": [A, B, C]}

    assert await site.v3("PUT", "/clicked", data={"url": D}) == (
        200,
        {"message": "Webhook has been updated", "webhook": shown(D)},
    )
    assert (await site.v3("PUT", "/opened", data={"url": D}))[0] == 404
    assert await site.urls() == {"clicked": [D]}
    assert await site.v3("DELETE", "/clicked") == (
        200,
        {"message": "Webhook has been deleted", "webhook": shown(D)},
    )
    assert (await site.v3("DELETE", "/clicked"))[0] == 404
    assert await site.urls() == {}


async def test_every_type_and_its_old_names(site: Site) -> None:
    for kind in WEBHOOK_TYPES:
        assert (await site.v3("POST", data={"id": kind, "url": A}))[0] == 200
    assert await site.urls() == {kind: [A] for kind in WEBHOOK_TYPES}
    for old, kind in {
        "bounce": "permanent_fail",
        "drop": "permanent_fail",
        "deliver": "delivered",
        "spam": "complained",
        "unsubscribe": "unsubscribed",
        "click": "clicked",
        "open": "opened",
    }.items():
        assert (await site.v3("PUT", f"/{old}", data={"url": B}))[0] == 200
        assert (await site.urls())[kind] == [B]
    for bad in ("stored", "failed", "nonsense", "x" * 3000):
        status, body = await site.v3("POST", data={"id": bad, "url": C})
        assert status == 400 and body["Reason"].startswith("invalid webhook type")
        for method in ("GET", "PUT", "DELETE"):
            data = {"url": C} if method == "PUT" else None
            assert (await site.v3(method, f"/{bad[:200]}", data=data))[0] == 404


async def test_urls_that_could_never_be_called(site: Site) -> None:
    for url, problem in (
        ("https://unknown.hooks.test/", "host not found"),
        ("http://inside.hooks.test/", "10.0.0.1 is not a public address"),
        ("http://10.0.0.1/", "10.0.0.1 is not a public address"),
        ("ftp://a.hooks.test/", "invalid URL scheme"),
        ("a.hooks.test/hook", "invalid URL scheme"),
        ("http://u:p@a.hooks.test/", "credentials in the URL are not allowed"),
        ("http://2130706433/", "not a canonical IPv4 address"),
    ):
        text = f"{url} is not a valid url: {problem}"
        refused = (400, {"Reason": text, "message": text})
        assert await site.v3("POST", data=[("id", "opened"), ("url", url)]) == refused
        assert await site.v3("POST", data=[("id", "opened"), ("url", A), ("url", url)]) == refused
        assert await site.v3("PUT", "/opened", data={"url": url}) == refused
        assert await site.v1("POST", data={"url": url, "event_types": "opened"}) == refused
        for method in ("POST", "PUT"):
            status, body = await site.v4(method, data={"url": url, "event_types": "opened"})
            assert (status, body["Reason"]) == (400, f"invalid parameters: {text}")
    assert await site.urls() == {} and await site.account_urls() == {}


async def test_bad_forms_change_nothing(site: Site) -> None:
    for data in (
        {},
        {"id": "opened"},
        {"url": A},
        {"id": "opened", "url": ""},
        [("id", "opened"), *(("url", f"http://a.hooks.test/{n}") for n in range(4))],
        b"id=opened&url=http://a.hooks.test/%FF",
        b"id=opened&url=http://a.hooks.test/%zz",
        {"id": "opened", "url": "http://a.hooks.test/\x00"},
        {"id": "opened", "url": "http://a.hooks.test/" + "x" * 5000},
        b'{"id": "opened", "url": [1, {}]}',
        b'{"id": "opened"',
    ):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if isinstance(data, bytes) else {}
        status, body = await site.v3("POST", data=data, headers=headers)
        assert status == 400 and body["message"], data
    assert await site.urls() == {}


async def test_by_url(site: Site) -> None:
    status, body = await site.v4(
        "POST", data=[("url", A), ("event_types", "opened"), ("event_types", "clicked,delivered")]
    )
    assert (status, body) == (
        200,
        {"webhooks": {kind: shown(A) for kind in ("delivered", "opened", "clicked")}},
    )
    status, body = await site.v4("POST", data={"url": B, "event_types": "clicked"})
    assert body["webhooks"]["clicked"] == shown(A, B)
    text = f"Webhook for event type 'clicked' with URL '{A}' already exists"
    # One of several types is there already: none is added.
    assert await site.v4("POST", data={"url": A, "event_types": "complained,clicked"}) == (
        400,
        {"Reason": text, "message": text},
    )
    status, body = await site.v4("PUT", data={"url": A, "event_types": "opened,accepted"})
    assert (status, body) == (
        200,
        {"webhooks": {"accepted": shown(A), "opened": shown(A), "clicked": shown(B)}},
    )
    assert await site.v4("PUT", data={"url": C, "event_types": "opened"}) == (
        404,
        {"Description": "Webhook not found", "message": "Webhook not found"},
    )
    for url in (C, D):
        assert (await site.v4("POST", data={"url": url, "event_types": "opened"}))[0] == 200
    status, body = await site.v4("POST", data={"url": B, "event_types": "opened"})
    assert (status, body["Description"]) == (409, "unable to add more than 3 urls for event type opened")
    status, body = await site.v4("PUT", data={"url": B, "event_types": "accepted,opened"})
    assert status == 409
    before = await site.urls()
    assert before["clicked"] == [B], "a refused change must leave the old types"

    for params in ({}, {"url": ""}, {"url": " , "}):
        status, body = await site.v4("DELETE", params=params)
        assert (status, body["Field"]) == (400, "url")
    assert (await site.v4("DELETE", params={"url": f"{A},http://nobody.test/"}))[0] == 404
    assert await site.urls() == before
    status, body = await site.v4("DELETE", params={"url": f"{A},{C}"})
    assert (status, body) == (200, {"webhooks": {"opened": shown(D), "clicked": shown(B)}})


async def test_bad_fields_by_url(site: Site) -> None:
    assert (await site.v4("POST", data={"url": A, "event_types": "opened"}))[0] == 200
    for method in ("POST", "PUT"):
        for data, field in (
            ({"event_types": "opened"}, "url"),
            ({"url": A}, "event_types"),
            ({"url": A, "event_types": ""}, "event_types"),
        ):
            status, body = await site.v4(method, data=data)
            assert (status, body["Field"]) == (400, field)
        status, body = await site.v4(method, data={"url": A, "event_types": "clicked,nonsense"})
        assert (status, body["Reason"]) == (400, "invalid parameters: event_type 'nonsense' is invalid")
    assert await site.urls() == {"opened": [A]}


async def test_of_the_account(site: Site) -> None:
    data = [("url", A), ("event_types", "delivered"), ("event_types", "opened"), ("description", "First")]
    status, body = await site.v1("POST", data=data)
    assert status == 200 and re.fullmatch("[0-9a-f]{24}", body["webhook_id"])
    first = body["webhook_id"]
    status, hook = await site.v1("GET", f"/{first}")
    created = hook.pop("created_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created)
    assert hook == {
        "webhook_id": first,
        "description": "First",
        "url": A,
        "event_types": ["delivered", "opened"],
    }
    second = (await site.v1("POST", data={"url": B, "event_types": "delivered,clicked"}))[1]["webhook_id"]
    listed = (await site.v1("GET"))[1]["webhooks"]
    assert [each["webhook_id"] for each in listed] == [first, second]
    listed = (await site.v1("GET", f"?webhook_ids={second},{'0' * 24}"))[1]["webhooks"]
    assert [each["webhook_id"] for each in listed] == [second]

    assert await site.v1("PUT", f"/{first}", data={"url": C, "event_types": "complained"}) == (204, b"")
    hook = (await site.v1("GET", f"/{first}"))[1]
    assert (hook["url"], hook["event_types"], hook["description"]) == (C, ["complained"], "First")
    more = {"url": C, "event_types": "complained", "description": "Changed"}
    assert await site.v1("PUT", f"/{first}", data=more) == (204, b"")
    assert (await site.v1("GET", f"/{first}"))[1]["description"] == "Changed"

    status, body = await site.v1("PUT", f"/{first}", data={"url": B, "event_types": "delivered"})
    assert (status, body["Description"]) == (409, f"url {B} already exists for event type delivered")
    status, body = await site.v1("POST", data={"url": B, "event_types": "opened,delivered"})
    assert (status, body["Description"]) == (409, f"url {B} already exists for event type delivered")
    for url in (A, D):
        assert (await site.v1("POST", data={"url": url, "event_types": "delivered"}))[0] == 200
    status, body = await site.v1(
        "POST", data={"url": "http://e.hooks.test/", "event_types": "opened,delivered"}
    )
    assert (status, body) == (
        409,
        {
            "Description": "unable to add more than 3 urls for event type delivered",
            "message": "unable to add more than 3 urls for event type delivered",
        },
    )
    assert await site.account_urls() == {
        C: ["complained"],
        B: ["clicked", "delivered"],
        A: ["delivered"],
        D: ["delivered"],
    }

    assert await site.v1("DELETE", f"/{first}") == (204, b"")
    status, body = await site.v1("DELETE", f"/{first}")
    assert (status, body["Description"]) == (404, f"webhook_id not found: {first}")
    status, body = await site.v1("PUT", f"/{first}", data={"url": C, "event_types": "opened"})
    assert (status, body["Description"]) == (404, f"webhook_id not found: {first}")
    assert await site.v1("GET", f"/{first}") == (
        404,
        {"Description": "webhook not found", "message": "webhook not found"},
    )
    status, body = await site.v1("DELETE", f"?webhook_ids={second},{first}")
    assert status == 404 and second in [h["webhook_id"] for h in (await site.v1("GET"))[1]["webhooks"]]
    assert await site.v1("DELETE", f"?webhook_ids={second}") == (204, b"")
    assert (await site.v1("DELETE"))[0] == 400
    assert await site.v1("DELETE", "?all=true") == (204, b"")
    status, body = await site.v1("DELETE", "?all=true")
    assert (status, body["Description"]) == (404, "no webhooks found for account")
    assert await site.account_urls() == {}


async def test_bad_fields_of_the_account(site: Site) -> None:
    made = (await site.v1("POST", data={"url": A, "event_types": "opened"}))[1]["webhook_id"]
    for data, field, value in (
        ({"event_types": "opened"}, "url", "missing or invalid url parameter"),
        ({"url": A}, "event_types", "missing or invalid event_types parameter"),
        ({"url": B, "event_types": "accepted,accepted"}, "event_types", "duplicate event types: 'accepted'"),
        ({"url": B, "event_types": "open,opened"}, "event_types", "duplicate event types: 'opened'"),
        (
            {"url": B, "event_types": "opened", "description": "x" * 1001},
            "description",
            "at most 1000 characters expected",
        ),
    ):
        for method, path in (("POST", ""), ("PUT", f"/{made}")):
            status, body = await site.v1(method, path, data=data)
            assert (status, body["Field"], body["Value"]) == (400, field, value)
    status, body = await site.v1("POST", data={"url": B, "event_types": "nonsense"})
    assert (status, body["Description"]) == (404, "event_type 'nonsense' is invalid")
    for method in ("PUT", "DELETE"):
        data = {"url": B, "event_types": "opened"} if method == "PUT" else None
        status, body = await site.v1(method, "/nonsense", data=data)
        assert (status, body["Field"], body["Value"]) == (400, "webhook_id", "is not valid")
    start = "Invalid parameter: webhook_ids malformed webhook_ids parameter: "
    for method in ("GET", "DELETE"):
        status, body = await site.v1(method, f"?webhook_ids={made},")
        assert (status, body) == (400, {"message": start + "empty values not allowed"})
        assert (await site.v1(method, "?webhook_ids=nonsense"))[0] == 400
    assert await site.account_urls() == {A: ["opened"]}


async def test_another_account_sees_and_changes_nothing(site: Site) -> None:
    await site.v3("POST", data={"id": "opened", "url": A})
    made = (await site.v1("POST", data={"url": A, "event_types": "opened"}))[1]["webhook_id"]
    key = await site.another_account()
    unknown = (404, {"message": "Domain not found"})
    fields = {"url": B, "event_types": "clicked"}
    assert await site.v3("GET", key=key) == unknown
    assert await site.v3("POST", data={"id": "clicked", "url": B}, key=key) == unknown
    for method in ("GET", "PUT", "DELETE"):
        data = {"url": B} if method == "PUT" else None
        assert await site.v3(method, "/opened", data=data, key=key) == unknown
    assert await site.v3("PUT", "/opened/test", key=key) == unknown
    for method in ("POST", "PUT"):
        assert await site.v4(method, data=fields, key=key) == unknown
    assert await site.v4("DELETE", params={"url": A}, key=key) == unknown
    assert await site.v1("GET", key=key) == (200, {"webhooks": []})
    for method in ("GET", "PUT", "DELETE"):
        data = fields if method == "PUT" else None
        assert (await site.v1(method, f"/{made}", data=data, key=key))[0] == 404
    assert (await site.v1("DELETE", "?all=true", key=key))[0] == 404
    assert (await site.v1("DELETE", f"?webhook_ids={made}", key=key))[0] == 404
    assert await site.urls() == {"opened": [A]} and await site.account_urls() == {A: ["opened"]}


async def test_roles(site: Site) -> None:
    made = (await site.v1("POST", data={"url": A, "event_types": "opened"}))[1]["webhook_id"]
    await site.v3("POST", data={"id": "opened", "url": A})
    fields = {"url": B, "event_types": "clicked"}
    for role, reads, writes in (("sending", 403, 403), ("basic", 200, 403), ("developer", 200, 200)):
        key = await site.key(role)
        for status in (
            (await site.v3("GET", key=key))[0],
            (await site.v3("GET", "/opened", key=key))[0],
            (await site.v1("GET", key=key))[0],
            (await site.v1("GET", f"/{made}", key=key))[0],
        ):
            assert status == reads
        for status, body in (
            await site.v3("POST", data={"id": "clicked", "url": C}, key=key),
            await site.v3("PUT", "/clicked", data={"url": D}, key=key),
            await site.v3("DELETE", "/clicked", key=key),
            await site.v4("POST", data=fields, key=key),
            await site.v4("PUT", data=fields, key=key),
            await site.v4("DELETE", params={"url": B}, key=key),
            await site.v1("POST", data=fields, key=key),
            await site.v1("PUT", f"/{made}", data={"url": A, "event_types": "opened"}, key=key),
            await site.v1("DELETE", f"/{made}", key=key),
        ):
            if writes == 403:
                assert (status, body) == (403, {"message": "Forbidden"})
            else:
                assert status in (200, 204), body
        if writes == 403:
            assert await site.urls() == {"opened": [A]} and await site.account_urls() == {A: ["opened"]}


async def test_without_a_key(site: Site) -> None:
    wrong = (401, {"message": "Invalid private key"})
    assert await site.v3("GET", key="wrong") == wrong
    assert await site.v4("POST", data={"url": A, "event_types": "opened"}, key="wrong") == wrong
    assert await site.v1("GET", key="wrong") == wrong
    assert await site.v3("GET", domain="unknown.example") == (404, {"message": "Domain not found"})


async def test_trying_a_receiver_out(site: Site, catcher: Catcher) -> None:
    key = (await site.api.get("/v5/accounts/http_signing_key"))["http_signing_key"]
    assert (await site.v3("PUT", "/delivered/test"))[0] == 404
    await site.v3("POST", data={"id": "permanent_fail", "url": catcher.url("/own")})
    catcher.script = [Answer(200, b"thank you"), Answer(503, b"busy"), 200]
    assert await site.v3("PUT", "/permanent_fail/test") == (200, {"code": 200, "message": "thank you"})
    assert await site.v3("PUT", "/bounce/test") == (200, {"code": 503, "message": "busy"})
    # As mailgun.js calls it: with a URL, of a type that need not have any.
    status, body = await site.v3("PUT", "/delivered/test", data={"url": catcher.url("/given")})
    assert (status, body["code"]) == (200, 200)
    assert [call.path for call in catcher.caught] == ["/own", "/own", "/given"]
    for call in catcher.caught:
        assert call.headers["content-type"] == "application/json"
        assert signed(key, call.json["signature"])
    event = catcher.caught[0].json["event-data"]
    assert (event["event"], event["severity"], event["domain"]["name"]) == ("failed", "permanent", DOMAIN)
    assert catcher.caught[2].json["event-data"]["event"] == "delivered"

    await catcher.stop()
    status, body = await site.v3("PUT", "/permanent_fail/test")
    assert status == 400 and body["Reason"].startswith(catcher.url("/own"))
    status, body = await site.v3("PUT", "/opened/test", data={"url": "http://10.0.0.1/"})
    assert status == 400 and "is not a public address" in body["Reason"]
    assert (await site.api.events()) == []
