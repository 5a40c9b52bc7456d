"""Who is told of what, and what arrives: at an SMTP server, a receiver of webhooks, and a stand-in of Slack."""

import email
import email.policy
import hashlib
import hmac
from pathlib import Path
from typing import Any

import dkim
import pytest

from postwright import domains
from postwright.alerts import announce
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from postwright.mail.dkim import public_txt
from postwright.testing.catcher import Answer
from postwright.testing.sink import Sink
from tests.world import world

from .conftest import DONE, GIVEN_UP, QUEUED, AlertStage

WAITS = (60, 120, 240, 480, 960, 1920, 3840, 7680, 15360)


async def listed(alerts: AlertStage, **facts: Any) -> int:
    told = {"message": "192.0.2.1 is listed by example", "ip": "192.0.2.1", "blocklist": "example"} | facts
    return await alerts.api.db.write(
        announce, alerts.api.clock.now(), alerts.api.one.account_id, "ip_listed", told
    )


async def shown(alerts: AlertStage) -> Any:
    return await alerts.api.ok("GET", "/v1/alerts/settings")


async def test_types(alerts: AlertStage) -> None:
    found = (await alerts.api.ok("GET", "/v1/alerts/events"))["events"]
    assert {"ip_listed", "ip_delisted", "domain_listed", "domain_delisted", "validation_job"} < set(found)


async def test_settings(alerts: AlertStage) -> None:
    assert (await shown(alerts))["events"] == []
    made = await alerts.setting("email", "ip_listed", emails=["ops@example.net", "Ops@Example.NET "])
    assert made == {
        "id": made["id"],
        "event_type": "ip_listed",
        "channel": "email",
        "settings": {"emails": ["ops@example.net", "Ops@example.net"]},
        "disabled_at": None,
    }
    alerts.api.clock.advance(1)
    hook = await alerts.setting("webhook", "ip_listed", url=alerts.hook.url("/a"))
    assert alerts.hook.caught[0].method == "GET"
    assert (await shown(alerts))["events"] == [made, hook]
    body = {"event_type": "ip_delisted", "channel": "webhook", "settings": {"url": alerts.hook.url("/b")}}
    changed = await alerts.api.ok("PUT", f"/v1/alerts/settings/events/{hook['id']}", json=body)
    assert changed == hook | {"event_type": "ip_delisted", "settings": {"url": alerts.hook.url("/b")}}
    gone = await alerts.api.call("DELETE", f"/v1/alerts/settings/events/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await shown(alerts))["events"] == [changed]
    for method in ("PUT", "DELETE"):
        path = f"/v1/alerts/settings/events/{made['id']}"
        assert (await alerts.api.call(method, path, json=body)).status_code == 404
        other = f"/v1/alerts/settings/events/{hook['id']}"
        answer = await alerts.api.call(method, other, json=body, key=alerts.api.two.key)
        assert answer.status_code == 404
    assert (await alerts.api.ok("GET", "/v1/alerts/settings", key=alerts.api.two.key))["events"] == []


async def test_settings_that_cannot_be(alerts: AlertStage) -> None:
    alerts.hook.script = 204
    for body in (
        {},
        {"event_type": "x", "channel": "email", "settings": {"emails": ["a@b.test"]}},
        {"event_type": "ip_listed", "channel": "fax", "settings": {}},
        {"event_type": "ip_listed", "channel": "email", "settings": {"emails": []}},
        {"event_type": "ip_listed", "channel": "email", "settings": {"emails": ["nobody"]}},
        {
            "event_type": "ip_listed",
            "channel": "email",
            "settings": {"emails": ["a@b.test\r\nBcc: c@d.test"]},
        },
        {"event_type": "ip_listed", "channel": "webhook", "settings": {}},
        {"event_type": "ip_listed", "channel": "webhook", "settings": {"url": "ftp://x.test/"}},
        {"event_type": "ip_listed", "channel": "webhook", "settings": {"url": "http://10.0.0.1/"}},
        # It must answer 200 to a GET (behaviour.md 16).
        {"event_type": "ip_listed", "channel": "webhook", "settings": {"url": alerts.hook.url()}},
    ):
        answer = await alerts.api.call("POST", "/v1/alerts/settings/events", json=body)
        assert answer.status_code == 400 and answer.json()["message"], body
    slack = {"event_type": "ip_listed", "channel": "slack", "settings": {"channel_ids": ["C1"]}}
    assert (await alerts.api.call("POST", "/v1/alerts/settings/events", json=slack)).status_code == 404
    assert (await shown(alerts))["events"] == []


async def test_keys_are_for_those_who_may_change_them(alerts: AlertStage) -> None:
    key = (await shown(alerts))["webhooks"]["signing_key"]
    assert len(key) == 64
    assert (await shown(alerts))["webhooks"]["signing_key"] == key
    fresh = (await alerts.api.ok("PUT", "/v1/alerts/settings/webhooks/signing_key"))["signing_key"]
    assert fresh != key and (await shown(alerts))["webhooks"]["signing_key"] == fresh
    reader = alerts.api.key(alerts.api.one.account_id, "basic")
    assert (await alerts.api.ok("GET", "/v1/alerts/settings", key=reader))["webhooks"] == {"signing_key": ""}
    answer = await alerts.api.call("PUT", "/v1/alerts/settings/webhooks/signing_key", key=reader)
    assert answer.status_code == 403


async def test_a_webhook_is_signed(alerts: AlertStage) -> None:
    await alerts.setting("webhook", "ip_listed", url=alerts.hook.url("/hook"))
    await alerts.setting("webhook", "ip_delisted", url=alerts.hook.url("/other"))
    assert await listed(alerts) == 1
    await alerts.told()
    call = alerts.hook.caught[-1]
    assert (call.method, call.path, call.headers["content-type"]) == ("POST", "/hook", "application/json")
    key = (await shown(alerts))["webhooks"]["signing_key"]
    assert call.headers["x-sign"] == hmac.new(key.encode(), call.body, hashlib.sha256).hexdigest()
    assert set(call.json) == {"signature", "event_data"}
    assert call.json["signature"]["timestamp"] == alerts.api.clock.now() // SECOND
    told = call.json["event_data"]
    assert (told["event"], told["ip"], told["blocklist"]) == ("ip_listed", "192.0.2.1", "example")
    assert told["timestamp"].endswith("Z") and told["id"] and told["log_level"] == "warn"


async def test_mail_goes_past_the_queue(alerts: AlertStage) -> None:
    """Nothing but the sender of alerts runs here: there is no delivery process at all."""
    await alerts.setting("email", "ip_listed", emails=["ops@example.net", "boss@example.net"])
    assert await listed(alerts) == 2
    await alerts.told()
    messages = await alerts.sink.wait(2)
    assert sorted(message.recipients[0] for message in messages) == ["boss@example.net", "ops@example.net"]
    parsed = email.message_from_bytes(messages[0].data, policy=email.policy.default)
    assert messages[0].sender == ""
    assert parsed["From"] == "Postwright alerts <alerts@mail.example.com>"
    assert parsed["Subject"] == "[ip_listed] 192.0.2.1 is listed by example"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert "blocklist: example" in parsed.get_content()


@pytest.mark.parametrize("sender", ["alerts@one.example.com", "alerts@ops.one.example.com"])
async def test_mail_is_signed_with_our_own_key(db: Db, tmp_path: Path, sink: Sink, sender: str) -> None:
    settings = {
        "delivery": f"smarthost:127.0.0.1:{sink.port}",
        "alerts_from": sender,
        "verify_domains": "trust",
    }
    async with world(db, tmp_path, **settings) as api:
        body = {"event_type": "ip_listed", "emails": ["ops@example.net"]}
        await api.ok("POST", "/v1/alerts/email/test", json=body)
        found = await api.db.read(domains.find, api.one.account_id, api.one.domain)
        (key,) = await api.db.read(domains.signing_keys, api.context.vault, found.id)
    (message,) = await sink.wait(1)
    record = public_txt(key.pem).encode()
    names: list[bytes] = []
    assert dkim.verify(message.data, dnsfunc=lambda name, timeout=5: names.append(name) or record)
    assert names == [f"{key.selector}._domainkey.one.example.com.".encode()]
    forged = message.data.replace(b"ops@example.net", b"eve@example.net")
    assert not dkim.verify(forged, dnsfunc=lambda name, timeout=5: record)


@pytest.mark.parametrize("sender", ["alerts@two.example.org", "alerts@example.com", "alerts@localhost"])
async def test_nobody_elses_key_signs(db: Db, tmp_path: Path, sink: Sink, sender: str) -> None:
    settings = {
        "delivery": f"smarthost:127.0.0.1:{sink.port}",
        "alerts_from": sender,
        "verify_domains": "trust",
    }
    async with world(db, tmp_path, **settings) as api:
        assert api.two.domain == "two.example.org"
        await api.ok(
            "POST", "/v1/alerts/email/test", json={"event_type": "ip_listed", "emails": ["a@b.test"]}
        )
    (message,) = await sink.wait(1)
    assert b"dkim-signature" not in message.data.lower()


async def test_mail_to_the_capture_inbox(capture: AlertStage) -> None:
    body = {"event_type": "ip_listed", "emails": ["ops@example.net"]}
    assert await capture.api.ok("POST", "/v1/alerts/email/test", json=body) == {"message": "Test alert sent"}
    (message,) = await capture.sink.wait(1)
    assert b"This is a test of alerts of the type ip_listed" in message.data.replace(b"=\r\n", b"")


async def test_slack(alerts: AlertStage) -> None:
    connect = {"token": "xoxb-1", "team_id": "T1", "team_name": "Team", "scope": "chat:write"}
    for path in ("/v1/alerts/slack/channels", "/v1/alerts/slack/channels/C1"):
        assert (await alerts.api.call("GET", path)).status_code == 404
    await alerts.api.ok("PUT", "/v1/alerts/settings/slack", json=connect)
    assert (await shown(alerts))["slack"] == connect
    page = await alerts.api.ok("GET", "/v1/alerts/slack/channels?limit=2")
    assert page["items"] == [
        {"id": "C1", "name": "room1", "is_archived": False},
        {"id": "C2", "name": "room2", "is_archived": True},
    ]
    rest = await alerts.api.ok("GET", page["paging"]["next"].removeprefix("https://api.test"))
    assert [each["id"] for each in rest["items"]] == ["C3"]
    end = await alerts.api.ok("GET", rest["paging"]["next"].removeprefix("https://api.test"))
    assert end["items"] == [] and set(end["paging"]) == {"first", "next", "previous", "last"}
    assert (await alerts.api.ok("GET", "/v1/alerts/slack/channels/C3"))["name"] == "room3"
    assert (await alerts.api.call("GET", "/v1/alerts/slack/channels/C9")).status_code == 404

    await alerts.setting("slack", "ip_listed", channel_ids=["C1", "C3"])
    await listed(alerts, message="<!channel> & more")
    await alerts.told()
    said = [call.body.decode() for call in alerts.slack.catcher.caught if "chat.postMessage" in call.path]
    assert len(said) == 2 and "channel=C1" in said[0] + said[1]
    assert "%3C%21channel" not in said[0] and "%26lt%3B%21channel%26gt%3B" in said[0]

    await alerts.api.ok("POST", "/v1/alerts/slack/test", json={"event_type": "ip_listed"})
    body = {"event_type": "ip_listed", "channel_ids": ["C1"]}
    await alerts.api.ok("POST", "/v1/alerts/slack/test", json=body)
    alerts.slack.error = "is_archived"
    answer = await alerts.api.call("POST", "/v1/alerts/slack/test", json=body)
    assert (answer.status_code, answer.json()) == (400, {"message": "C1: is_archived"})
    alerts.slack.error = ""

    assert (await alerts.api.call("DELETE", "/v1/alerts/slack/oauth")).status_code == 204
    assert alerts.slack.catcher.caught[-1].path.startswith("/api/auth.revoke")
    found = await shown(alerts)
    assert found["slack"] == {"token": "", "team_id": None, "team_name": None, "scope": None}
    assert found["events"] == []
    assert (await alerts.api.call("DELETE", "/v1/alerts/settings/slack")).status_code == 204
    assert (await alerts.api.call("DELETE", "/v1/alerts/slack/oauth")).status_code == 404


async def test_a_slack_channel_that_is_gone_is_put_out_of_use(alerts: AlertStage) -> None:
    await alerts.api.ok("PUT", "/v1/alerts/settings/slack", json={"token": "xoxb-1"})
    await alerts.setting("slack", "ip_listed", channel_ids=["C1", "C3"])
    await listed(alerts)
    alerts.slack.error = "is_archived"
    await alerts.told()
    (found,) = (await shown(alerts))["events"]
    assert {each["reason"] for each in found["settings"]["disabled_channel_ids"].values()} == {"is_archived"}
    assert found["disabled_at"]
    assert await listed(alerts) == 0


async def test_retried_for_eight_hours_and_then_put_out_of_use(alerts: AlertStage) -> None:
    made = await alerts.setting("webhook", "ip_listed", url=alerts.hook.url())
    await listed(alerts)
    alerts.hook.script = 500
    async with alerts.telling():
        for number, wait in enumerate(WAITS, 1):
            (row,) = await alerts.until(lambda rows, n=number: rows[0].attempts == n)  # type: ignore[misc]
            assert (row.state, row.due_at) == (QUEUED, alerts.api.clock.now() + wait * SECOND)
            alerts.api.clock.advance(wait)
        (row,) = await alerts.until(lambda rows: rows[0].state == GIVEN_UP)
    assert row.last_error == "HTTP 500" and 7 * 3600 < sum(WAITS) < 9 * 3600
    (found,) = (await shown(alerts))["events"]
    assert found["disabled_at"]
    assert await listed(alerts) == 0
    # Saving it again puts it in use again.
    alerts.hook.script = 200
    body = {name: made[name] for name in ("event_type", "channel", "settings")}
    again = await alerts.api.ok("PUT", f"/v1/alerts/settings/events/{made['id']}", json=body)
    assert again["disabled_at"] is None and await listed(alerts) == 1


async def test_a_retry_that_succeeds(alerts: AlertStage) -> None:
    await alerts.setting("webhook", "ip_listed", url=alerts.hook.url())
    await alerts.setting("email", "ip_listed", emails=["ops@example.net"])
    alerts.hook.script = [Answer(drop=True), 200]
    alerts.sink.fail("*", 451, "4.7.0 Later", times=1)
    await listed(alerts)
    async with alerts.telling():
        await alerts.until(lambda rows: all(row.attempts == 1 for row in rows))
        alerts.api.clock.advance(60)
        rows = await alerts.until(lambda rows: all(row.state == DONE for row in rows))
    assert len(rows) == 2
    assert len(await alerts.sink.wait(1)) == 1


@pytest.mark.parametrize("script", [500, 302, Answer(drop=True)], ids=["500", "302", "drop"])
async def test_tests_tell_what_went_wrong(alerts: AlertStage, script: Any) -> None:
    body = {"event_type": "ip_listed", "url": alerts.hook.url()}
    assert await alerts.api.ok("POST", "/v1/alerts/webhooks/test", json=body) == {
        "message": "Test alert sent"
    }
    assert alerts.hook.caught[0].json["event_data"]["test"] is True
    alerts.hook.script = script
    assert (await alerts.api.call("POST", "/v1/alerts/webhooks/test", json=body)).status_code == 400
    inside = {"event_type": "ip_listed", "url": "http://10.1.2.3/"}
    assert (await alerts.api.call("POST", "/v1/alerts/webhooks/test", json=inside)).status_code == 400
    alerts.sink.fail("*", 550, "5.1.1 No such user")
    mail = {"event_type": "ip_listed", "emails": ["ops@example.net"]}
    answer = await alerts.api.call("POST", "/v1/alerts/email/test", json=mail)
    assert answer.status_code == 400 and "550" in answer.json()["message"]
    for path, bad in (
        ("webhooks", {"url": ""}),
        ("email", {"emails": []}),
        ("webhooks", {"event_type": "x"}),
    ):
        answer = await alerts.api.call(
            "POST", f"/v1/alerts/{path}/test", json=body | {"emails": ["a@b.test"]} | bad
        )
        assert answer.status_code == 400
