"""One message all the way: stored, signed, delivered, seen as events, told to a webhook."""

import asyncio
import email
import email.policy
import hashlib
import hmac
import smtplib
import ssl
from typing import Any

import aiohttp
import dkim

from postwright.testing.catcher import Catcher
from postwright.testing.postgres import Postgres
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for


async def public_key(api: Api, domain: str = DOMAIN) -> tuple[str, str]:
    """Name and value of the DKIM record that the API returns."""
    body = await api.get(f"/v4/domains/{domain}")
    (record,) = [r for r in body["sending_dns_records"] if "_domainkey" in r["name"]]
    return record["name"], record["value"]


async def test_sent_signed_delivered_told(api: Api, sink: Sink, catcher: Catcher) -> None:
    hook = {"id": "delivered", "url": catcher.url("/hook")}
    status, body = await api.call("POST", f"/v3/domains/{DOMAIN}/webhooks", data=hook)
    assert (status, body["message"]) == (200, "Webhook has been created")
    signing_key = (await api.get("/v5/accounts/http_signing_key"))["http_signing_key"]

    sent = await api.send(
        html="<p>Hello.</p>", subject="Grüße", o__tag=["one"], v__my_var="42", h__X_Own="yes"
    )
    (message,) = await sink.wait(1, 15)

    # The bytes: readable by an independent reader, signed for the key that the API shows.
    parsed = email.message_from_bytes(message.data, policy=email.policy.default)
    assert parsed["Subject"] == "Grüße" and parsed["To"] == "bob@example.net"
    assert parsed["Message-Id"] == f"<{sent}>" and parsed["X-Own"] == "yes"
    assert parsed["X-Mailgun-Tag"] == "one" and parsed["X-Mailgun-Variables"] == '{"my-var": "42"}'
    assert parsed.get_body(("plain",)).get_content().strip() == "Hello."
    name, value = await public_key(api)
    assert dkim.verify(
        message.data, dnsfunc=lambda n, **_: value.encode() if n.decode().strip(".") == name else None
    )
    assert not dkim.verify(message.data.replace(b"Hello.", b"Hallo."), dnsfunc=lambda n, **_: value.encode())
    assert message.recipients == ["bob@example.net"]
    assert message.sender.startswith("bounce+") and message.sender.endswith(f"@{DOMAIN}")

    # The events, in Mailgun's shape.
    delivered = await api.wait_event("delivered", sent)
    assert delivered["delivery-status"]["code"] == 250 and delivered["delivery-status"]["attempt-no"] == 1
    assert delivered["recipient"] == "bob@example.net" and delivered["recipient-domain"] == "example.net"
    assert delivered["tags"] == ["one"] and delivered["user-variables"] == {"my-var": "42"}
    assert delivered["primary-dkim"] == name and delivered["campaigns"] == []
    assert delivered["message"]["headers"]["message-id"] == sent
    accepted = await api.wait_event("accepted", sent)
    assert accepted["method"] == "HTTP" and accepted["originating-ip"] == "127.0.0.1"
    assert accepted["timestamp"] <= delivered["timestamp"]

    # The webhook, as a receiver checks it.
    (call,) = await catcher.wait(1, 10)
    assert call.headers["content-type"] == "application/json"
    signature = call.json["signature"]
    wanted = hmac.new(
        signing_key.encode(), (signature["timestamp"] + signature["token"]).encode(), hashlib.sha256
    ).hexdigest()
    assert hmac.compare_digest(wanted, signature["signature"])
    assert call.json["event-data"] == delivered

    # The stored message.
    stored = await api.get(delivered["storage"]["url"])
    assert stored["body-plain"].strip() == "Hello." and stored["Subject"] == "Grüße"
    mime = await api.get(delivered["storage"]["url"], headers={"Accept": "message/rfc2822"})
    assert "body-mime" in mime and mime["recipients"] == "bob@example.net"


async def test_every_recipient_of_a_batch_sees_only_itself(api: Api, sink: Sink) -> None:
    sent = await api.send(
        to=["Bob <bob@example.net>", "eve@example.org"],
        subject="%recipient.word%",
        text="Word: %recipient.word%",
        recipient_variables='{"bob@example.net": {"word": "one"}, "eve@example.org": {"word": "two"}}',
    )
    messages = {m.recipients[0]: m for m in await sink.wait(2, 15)}
    for address, shown, word in (
        ("bob@example.net", "Bob <bob@example.net>", "one"),
        ("eve@example.org", "eve@example.org", "two"),
    ):
        parsed = email.message_from_bytes(messages[address].data, policy=email.policy.default)
        assert (parsed["To"], parsed["Subject"]) == (shown, word)
        assert parsed.get_content().strip() == f"Word: {word}"
        assert parsed["Message-Id"] == f"<{sent}>"
        other = "eve@example.org" if address.startswith("bob") else "bob@example.net"
        assert other.encode() not in messages[address].data.lower()


def _form(**fields: str | bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value, filename="message.mime" if isinstance(value, bytes) else None)
    return form


async def test_mime_and_resend(api: Api, sink: Sink) -> None:
    raw = b"From: ann@mail.example.com\r\nTo: all@example.net\r\nSubject: raw\r\n\r\n.dot\r\n\r\n last \r\n"
    status, body = await api.call(
        "POST", f"/v3/{DOMAIN}/messages.mime", data=_form(to="bob@example.net", message=raw)
    )
    assert status == 200
    (message,) = await sink.wait(1, 15)
    assert message.data.endswith(b"Subject: raw\r\n\r\n.dot\r\n\r\n last \r\n")
    event = await api.wait_event("delivered", body["id"].strip("<>"))
    status, again = await api.call(
        "POST", event["storage"]["url"], data={"to": "eve@example.org, carl@example.org"}
    )
    assert status == 200 and again["id"] != body["id"] and again["message"] == "Queued. Thank you."
    assert {m.recipients[0] for m in (await sink.wait(3, 15))[1:]} == {"eve@example.org", "carl@example.org"}


async def test_refusals_become_events(api: Api, sink: Sink) -> None:
    sink.fail("unknown", 550, "5.1.1 No such user", at="RCPT")
    sink.fail("busy", 451, "4.3.0 Come back later", at="RCPT")
    permanent = await api.send(to="unknown@example.net")
    failed = await api.wait_event("failed", permanent)
    assert (failed["severity"], failed["reason"], failed["log-level"]) == ("permanent", "bounce", "error")
    status = failed["delivery-status"]
    assert (status["code"], status["enhanced-code"], status["bounce-type"]) == (550, "5.1.1", "hard")

    temporary = await api.send(to="busy@example.net")
    failed = await api.wait_event("failed", temporary, severity="temporary")
    assert failed["delivery-status"]["retry-seconds"] == 1 and failed["log-level"] == "warn"
    old = await api.wait_event("failed", temporary, timeout=30, severity="permanent")
    assert (old["reason"], old["delivery-status"]["code"]) == ("old", 602)
    assert old["delivery-status"]["last-code"] == 451
    attempts = [
        e["delivery-status"]["attempt-no"]
        for e in await api.events(**{"message-id": temporary, "event": "failed"})
    ]
    assert attempts == [1, 2, 3, 4]


async def test_test_mode_delivers_nothing(api: Api, sink: Sink) -> None:
    sent = await api.send(o__testmode="yes")
    event = await api.wait_event("delivered", sent)
    assert event["delivery-status"]["code"] == 650 and event["flags"]["is-test-mode"] is True
    assert not sink.messages


async def test_scheduled_mail_waits_and_can_be_purged(api: Api, sink: Sink) -> None:
    at = (await api.wait_event("accepted", await api.send(o__testmode="yes")))["timestamp"]
    await api.send(o__deliverytime=str(int(at) + 3), subject="soon")
    await api.send(o__deliverytime=str(int(at) + 3600), subject="later")
    await sink.wait(1, 10)
    queues = await api.get(f"/v3/domains/{DOMAIN}/sending_queues")
    # Seen at the receiver, "soon" may still wait for its record.
    assert queues["regular"].pop("messages") <= 1
    assert queues == {"regular": {"is_disabled": False}, "scheduled": {"is_disabled": False, "messages": 1}}
    status, body = await api.call("DELETE", f"/v3/{DOMAIN}/envelopes")
    assert (status, body) == (200, {"message": "done"})
    assert [email.message_from_bytes(m.data)["Subject"] for m in sink.messages] == ["soon"]


async def test_smtp_submission_is_the_same_way_in(api: Api, sink: Sink) -> None:
    status, body = await api.call(
        "POST", "/v4/domains", data={"name": "smtp.example.com", "smtp_password": "secret-password"}
    )
    assert status == 200, body

    def submit() -> None:
        with smtplib.SMTP(*api.server.smtp, timeout=10) as client:
            context = ssl._create_unverified_context()
            client.starttls(context=context)
            client.login("postmaster@smtp.example.com", "secret-password")
            client.sendmail(
                "me@smtp.example.com",
                ["bob@example.net"],
                "From: me@smtp.example.com\r\nTo: bob@example.net\r\nSubject: by SMTP\r\n"
                "X-Mailgun-Tag: smtp\r\n\r\nHi\r\n",
            )

    await asyncio.to_thread(submit)
    (message,) = await sink.wait(1, 15)
    parsed = email.message_from_bytes(message.data)
    assert parsed["Subject"] == "by SMTP" and b"DKIM-Signature" in message.data

    async def look() -> Any:
        return [e for e in await api.events("smtp.example.com") if e["event"] == "delivered"]

    (event,) = await wait_for(look, "delivered event")
    assert event["tags"] == ["smtp"]


async def test_a_wrong_smtp_password_is_refused(api: Api, sink: Sink) -> None:
    def attempt() -> int:
        with smtplib.SMTP(*api.server.smtp, timeout=10) as client:
            client.starttls(context=ssl._create_unverified_context())
            try:
                client.login(f"postmaster@{DOMAIN}", "wrong")
            except smtplib.SMTPAuthenticationError as refused:
                return refused.smtp_code
        return 0

    assert await asyncio.to_thread(attempt) == 535


async def test_the_same_on_postgresql(
    start_server: Any,
    settings: dict[str, str],
    http: aiohttp.ClientSession,
    sink: Sink,
    catcher: Catcher,
    postgres: Postgres,
) -> None:
    server = await start_server(**settings, database=postgres.create_database())
    api = Api(server, http)
    hook = {"id": "delivered", "url": catcher.url("/hook")}
    assert (await api.call("POST", f"/v3/domains/{DOMAIN}/webhooks", data=hook))[0] == 200
    ids = await asyncio.gather(*(api.send(subject=f"s{n}") for n in range(40)))
    await sink.wait(40, 30)
    calls = await catcher.wait(40, 30)
    assert {call.json["event-data"]["message"]["headers"]["message-id"] for call in calls} == set(ids)
    sink.fail("busy", 451, "later", at="RCPT", times=1)
    deferred = await api.send(to="busy@example.net")
    await api.wait_event("delivered", deferred, timeout=20)
