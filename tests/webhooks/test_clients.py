"""What programs written for Mailgun do with webhooks: the official SDK, django-anymail, and odd ways to ask."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import django
import pytest
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import tracking
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from django.conf import settings as django_settings
from django.test import RequestFactory
from mailgun.client import Client
from mailgun.security import SecurityGuard

from postwright.testing.catcher import Catcher
from postwright.testing.sink import Sink
from tests.conftest import StartServer
from tests.e2e.conftest import DOMAIN, Api

V3 = f"/v3/domains/{DOMAIN}/webhooks"
V4 = f"/v4/domains/{DOMAIN}/webhooks"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def api(start_server: StartServer, http: aiohttp.ClientSession, sink: Sink) -> Api:
    """A server that delivers to the sink and may call receivers on this machine."""
    server = await start_server(
        domain=DOMAIN,
        delivery=f"smarthost:127.0.0.1:{sink.port}",
        allow_private_targets="yes",
        verify_domains="trust",
        rate_limits="off",
    )
    return Api(server, http)


async def test_the_official_client(api: Api, catcher: Catcher) -> None:
    one, two = catcher.url("/one"), catcher.url("/two")

    def use() -> dict[str, Any]:
        with Client(auth=("api", api.server.api_key), api_url=api.server.base_url) as client:
            v3, account = client.domains_webhooks, client.account_webhooks
            # v3: the type in the form, then in the path.
            created = v3.create(domain=DOMAIN, data={"id": "clicked", "url": [one, two]})
            shown = v3.get(domain=DOMAIN, webhook_name="clicked")
            updated = v3.put(domain=DOMAIN, webhook_name="clicked", data={"url": two})
            listed = v3.get(domain=DOMAIN)
            deleted = v3.delete(domain=DOMAIN, webhook_name="clicked")
            missing = v3.get(domain=DOMAIN, webhook_name="clicked")
            # v4: the client means to choose it by the fields given, but (1.10.0) hands them to its requests and
            # not to its router, and asks v3. So it is told.
            v4 = client.domains_webhooks
            v4._url = v4._url | {"base": f"{api.server.base_url}/v4/domains/"}
            added = v4.create(domain=DOMAIN, data={"url": one, "event_types": "delivered,opened"})
            replaced = v4.put(domain=DOMAIN, data={"url": one, "event_types": "accepted"})
            removed = v4.delete(domain=DOMAIN, filters={"url": one})
            paths = [
                answer.url.partition("/webhooks")[0][-len(f"/v4/domains/{DOMAIN}") :]
                for answer in (added, replaced, removed)
            ]
            # v1
            fields = {"url": one, "event_types": ["accepted", "delivered"], "description": "SDK"}
            made = account.create(data=fields)
            hook_id = made.json()["webhook_id"]
            changed = account.put(webhook_id=hook_id, data={"url": two, "event_types": "opened"})
            hook = account.get(webhook_id=hook_id)
            filtered = account.get(filters={"webhook_ids": hook_id})
            unmade = account.delete(webhook_id=hook_id)
            empty = account.get()
        assert paths == [f"/v4/domains/{DOMAIN}"] * 3
        return {name: value for name, value in locals().items() if hasattr(value, "status_code")}

    seen = await asyncio.to_thread(use)
    codes = {name: answer.status_code for name, answer in seen.items()}
    assert codes == dict.fromkeys(seen, 200) | {"missing": 404, "changed": 204, "unmade": 204}
    said = {name: answer.json() for name, answer in seen.items() if answer.content}
    assert said["created"] == {
        "message": "Webhook has been created",
        "webhook": {"urls": [one, two], "url": one},
    }
    assert said["shown"] == {"webhook": {"urls": [one, two], "url": one}}
    assert said["updated"]["message"] == "Webhook has been updated"
    assert said["listed"] == {"webhooks": {"clicked": {"urls": [two], "url": two}}}
    assert said["deleted"]["message"] == "Webhook has been deleted"
    assert said["missing"]["message"] == "Webhook not found"
    assert said["added"]["webhooks"].keys() == {"delivered", "opened"}
    assert said["replaced"]["webhooks"].keys() == {"accepted"}
    assert said["removed"] == {"webhooks": {}}
    assert said["hook"].items() >= {"url": two, "event_types": ["opened"], "description": "SDK"}.items()
    assert said["filtered"] == {"webhooks": [said["hook"]]}
    assert said["empty"] == {"webhooks": []}


async def test_anymail_takes_our_calls(api: Api, sink: Sink, catcher: Catcher) -> None:
    """Real events of real deliveries, read by anymail's own view with its check of the signature on."""
    for kind in ("accepted", "delivered", "permanent_fail"):
        assert (await api.call("POST", V3, data={"id": kind, "url": catcher.url()}))[0] == 200
    key = (await api.get("/v5/accounts/http_signing_key"))["http_signing_key"]
    sink.fail("unknown", 550, "5.1.1 No such user", at="RCPT")
    good = await api.send(o__tag=["welcome"], v__order="42")
    bad = await api.send(to="unknown@example.net")
    calls = await catcher.wait(4, 20)

    events = await asyncio.to_thread(
        _read_by_anymail, [(c.body, c.headers["content-type"]) for c in calls], key
    )
    seen = {(event.message_id.strip("<>"), event.event_type): event for event in events}
    assert seen.keys() == {(good, "queued"), (good, "delivered"), (bad, "queued"), (bad, "bounced")}
    delivered, bounced = seen[good, "delivered"], seen[bad, "bounced"]
    assert (delivered.recipient, delivered.tags, delivered.metadata) == (
        "bob@example.net",
        ["welcome"],
        {"order": "42"},
    )
    assert (bounced.recipient, bounced.reject_reason) == ("unknown@example.net", "bounced")
    assert "No such user" in bounced.mta_response
    assert len({event.event_id for event in events}) == 4  # the tokens, by which anymail tells calls apart
    # The check was on, and the official client's agrees with it.
    for call in calls:
        signature = call.json["signature"]
        given = (signature["token"], signature["timestamp"], signature["signature"])
        assert SecurityGuard.verify_webhook(key, *given, max_age_seconds=300)
        assert not SecurityGuard.verify_webhook("another key", *given)
    with pytest.raises(AnymailWebhookValidationFailure):
        _read_by_anymail([(calls[0].body, "application/json")], "another key")


def _read_by_anymail(calls: list[tuple[bytes, str]], key: str) -> list[Any]:
    """The tracking events that anymail makes of our requests. Raises AnymailWebhookValidationFailure."""
    if not django_settings.configured:
        django_settings.configure(ALLOWED_HOSTS=["testserver"], SECRET_KEY="x", ANYMAIL={})
        django.setup()
    found: list[Any] = []

    def take(event: Any, **_: Any) -> None:
        found.append(event)

    tracking.connect(take)
    try:
        view = MailgunTrackingWebhookView.as_view(webhook_signing_key=key)
        for body, content_type in calls:
            request = RequestFactory().post("/anymail/mailgun/tracking/", body, content_type=content_type)
            assert view(request).status_code == 200
    finally:
        tracking.disconnect(take)
    return found


async def test_every_encoding(api: Api, catcher: Catcher) -> None:
    url = catcher.url()
    shown = {"webhook": {"urls": [url], "url": url}}
    for given in (
        {"data": {"id": "opened", "url": url}},
        {"json": {"id": "opened", "url": url}},
        {"json": {"id": "opened", "url": [url]}},
        {"params": {"id": "opened", "url": url}},
        {"data": {"id": "opened", "url[]": url}},
        {"data": {"id": "opened", "url[0]": url}},
        {"data": aiohttp.FormData({"id": "opened", "url": url}, default_to_multipart=True)},
    ):
        assert (await api.call("POST", V3, **given))[0] == 200, given
        assert await api.get(f"{V3}/opened") == shown
        assert (await api.call("DELETE", f"{V3}/opened"))[0] == 200


async def test_empty_ids_delete_nothing(api: Api, catcher: Catcher) -> None:
    """Least of all everything: a program that found no ids gives an empty list."""
    fields = {"url": catcher.url(), "event_types": "opened"}
    made = (await api.call("POST", "/v1/webhooks", data=fields))[1]["webhook_id"]
    before = await api.get("/v1/webhooks")
    text = "Invalid parameter: webhook_ids malformed webhook_ids parameter: empty values not allowed"
    for ids in ("", ",", f"{made},", f"{made},,{made}"):
        for everything in ({}, {"all": "true"}):
            params = {"webhook_ids": ids, **everything}
            assert await api.call("DELETE", "/v1/webhooks", params=params) == (400, {"message": text})
        assert await api.call("GET", "/v1/webhooks", params={"webhook_ids": ids}) == (400, {"message": text})
    assert await api.get("/v1/webhooks") == before


async def test_urls_stay_in_the_order_given(api: Api, catcher: Catcher) -> None:
    """`url` is the first of them, so that the order says something."""
    urls = [catcher.url(path) for path in ("/c", "/a", "/b")]
    for kind in ("accepted", "delivered", "opened", "clicked"):
        await api.call("POST", V3, data=[("id", kind), *(("url", url) for url in urls)])
        assert await api.get(f"{V3}/{kind}") == {"webhook": {"urls": urls, "url": urls[0]}}
        assert (await api.call("DELETE", f"{V3}/{kind}"))[0] == 200


async def test_a_url_named_twice_is_deleted_once(api: Api, catcher: Catcher) -> None:
    url = catcher.url()
    await api.call("POST", V4, data={"url": url, "event_types": "opened"})
    assert await api.call("DELETE", V4, params={"url": f"{url},{url}"}) == (200, {"webhooks": {}})
