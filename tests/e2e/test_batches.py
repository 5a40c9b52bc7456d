"""Batches: one stored body, a copy for each recipient that shows nobody else; stored and sent again."""

import asyncio
import email
import email.policy
import json
import smtplib
import ssl
from email.message import EmailMessage
from typing import Any

import aiohttp

from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for

ALL = (
    "%recipient%|%recipient_email%|%recipient_name%|%recipient_fname%|%recipient_lname%|"
    "%recipient.word%|%recipient.n%|%recipient.list%|%recipient.none%"
)
VARIABLES = {
    "bob@example.net": {"word": "eins ä", "n": 5, "list": [1, "2"], "v:row": "b", "h:X-Row": "B"},
    "Eve@Example.org": {"word": "zwei", "h:X-Row": "E", "h:From": "x@y.test", "h:Content-Type": "text/html"},
}
WANTED = {
    "bob@example.net": "Böb Max Bauer <bob@example.net>|bob@example.net|Böb Max Bauer|Böb|Bauer|eins ä|5|"
    '[1,"2"]|%recipient.none%',
    "eve@example.org": "Eve@example.org|Eve@example.org||||zwei|%recipient.n%|%recipient.list%|%recipient.none%",
}
ROWS = {"bob@example.net": "B", "eve@example.org": "E"}


def parsed(data: bytes) -> EmailMessage:
    message: Any = email.message_from_bytes(data, policy=email.policy.default)
    return message  # type: ignore[no-any-return]


def text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).strip()


def check(sink: Sink) -> None:
    """Two copies, each with its own recipient and words."""
    assert {message.recipients[0].lower() for message in sink.messages} == set(WANTED)
    for each in sink.messages:
        address = each.recipients[0].lower()
        message = parsed(each.data)
        assert text(message) == WANTED[address], each.data
        assert str(message["To"]).lower() == WANTED[address].partition("|")[0].lower()
        assert message["From"] == f"ann@{DOMAIN}" and message["X-Row"] == ROWS[address]
        other = next(name for name in WANTED if name != address)
        assert other.encode() not in each.data.lower()
        assert message["X-Mailgun-Batch-Id"]


def submit(api: Api, raw: bytes, to: list[str]) -> None:
    with smtplib.SMTP(*api.server.smtp, timeout=30) as client:
        client.starttls(context=ssl._create_unverified_context())
        client.login(f"sender@{DOMAIN}", "secret-password")
        client.sendmail(f"ann@{DOMAIN}", to, raw)


async def test_each_recipient_s_own_copy_by_form_mime_and_smtp(api: Api, sink: Sink) -> None:
    login = {"login": "sender", "password": "secret-password"}
    status, body = await api.call("POST", f"/v3/domains/{DOMAIN}/credentials", data=login)
    assert status == 200, body
    to = ["Böb Max Bauer <bob@example.net>", "Eve@example.org"]
    sent = await api.send(
        **{"from": f"ann@{DOMAIN}"},
        to=to,
        text=ALL,
        recipient_variables=json.dumps(VARIABLES),
        v__row="%recipient.n%",
    )
    await sink.wait(2, 30)
    check(sink)
    delivered = await _delivered(api, sent)
    assert delivered["bob@example.net"]["user-variables"] == {"row": "b"}  # its own wins
    assert delivered["Eve@example.org"]["user-variables"] == {"row": "%recipient.n%"}

    for door in ("mime", "smtp"):
        sink.messages.clear()
        message = EmailMessage(policy=email.policy.SMTP)
        message["From"], message["To"], message["Subject"] = f"ann@{DOMAIN}", ", ".join(to), "s"
        message["X-Mailgun-Recipient-Variables"] = json.dumps(VARIABLES)
        message.set_content(ALL, cte="base64")
        if door == "smtp":
            await asyncio.to_thread(submit, api, message.as_bytes(), ["bob@example.net", "Eve@example.org"])
        else:
            form = aiohttp.FormData()
            form.add_field("to", "bob@example.net, Eve@example.org")
            form.add_field("message", message.as_bytes(), filename="message.mime")
            status, body = await api.call("POST", f"/v3/{DOMAIN}/messages.mime", data=form)
            assert status == 200, body
        await sink.wait(2, 30)
        check(sink)


async def _delivered(api: Api, message_id: str, count: int = 2) -> dict[str, dict[str, Any]]:
    async def look() -> Any:
        found = await api.events(**{"message-id": message_id, "event": "delivered"})
        return {event["recipient"]: event for event in found} if len(found) >= count else None

    return await wait_for(look, f"{count} deliveries", 30)  # type: ignore[no-any-return]


async def test_a_stored_batch_shows_nobody_and_can_be_sent_again(api: Api, sink: Sink) -> None:
    sent = await api.send(
        to=["bob@example.net", "eve@example.org"],
        text="Word: %recipient.word%",
        recipient_variables=json.dumps({"bob@example.net": {"word": "one"}}),
        o__tag="t",
    )
    url = (await _delivered(api, sent))["bob@example.net"]["storage"]["url"]
    stored = await api.get(url)
    # Stored once for all: the words are put in for each when it is sent.
    assert stored["body-plain"].strip() == "Word: %recipient.word%" and stored["To"] == "%recipient%"
    mime = await api.get(url, headers={"Accept": "message/rfc2822"})
    assert "eve@example.org" not in mime["body-mime"] and "\r\nTo: %recipient%\r\n" in mime["body-mime"]
    sink.messages.clear()
    fields = {
        "to": "carl@example.net, dora@example.net",
        "recipient-variables": json.dumps({"carl@example.net": {"word": "three"}}),
    }
    status, body = await api.call("POST", url, data=fields)
    assert status == 200 and body["id"] != f"<{sent}>"
    words = {}
    for each in await sink.wait(2, 20):
        message = parsed(each.data)
        assert message["To"] == each.recipients[0] and message["X-Mailgun-Tag"] == "t"
        words[each.recipients[0]] = text(message)
        assert b"example.org" not in each.data
    assert words == {"carl@example.net": "Word: three", "dora@example.net": "Word: %recipient.word%"}


async def test_a_template_batch_is_stored_as_what_it_is_made_of(api: Api, sink: Sink) -> None:
    fields = {"name": "hi", "template": "<p>Hi {{name}}</p>"}
    status, body = await api.call("POST", f"/v3/{DOMAIN}/templates", data=fields)
    assert status == 200, body
    sent = await api.send(
        to=["bob@example.net", "eve@example.org"],
        template="hi",
        text="",
        v__name="%recipient.name%",
        recipient_variables='{"bob@example.net": {"name": "Bob"}, "eve@example.org": {"name": "Eve"}}',
    )
    url = (await _delivered(api, sent))["bob@example.net"]["storage"]["url"]
    assert sorted(_html(each.data) for each in sink.messages) == ["<p>Hi Bob</p>", "<p>Hi Eve</p>"]
    assert (await api.get(url))["body-html"].strip() == "<p>Hi %recipient.name%</p>"
    # One that is the same for all is stored as it was filled, whatever becomes of the template.
    sink.messages.clear()
    sent = await api.send(template="hi", text="", v__name="you")
    url = (await api.wait_event("delivered", sent))["storage"]["url"]
    await api.call("PUT", f"/v3/{DOMAIN}/templates/hi/versions/initial", data={"template": "<p>Changed</p>"})
    assert (await api.get(url))["body-html"].strip() == "<p>Hi you</p>"
    await api.call("POST", url, data={"to": "carl@example.net"})
    again = (await sink.wait(2, 20))[1]
    assert again.recipients == ["carl@example.net"] and _html(again.data) == "<p>Hi you</p>"


def _html(data: bytes) -> str:
    part = parsed(data).get_body(("html",))
    assert part is not None
    return str(part.get_content()).strip()


async def test_a_thousand_recipients_and_not_one_more(api: Api, sink: Sink) -> None:
    names = [f"u{n}@example.net" for n in range(1000)]
    variables = json.dumps({name: {"n": n} for n, name in enumerate(names)})
    fields = {
        "from": f"a@{DOMAIN}",
        "subject": "s",
        "text": "%recipient.n%",
        "recipient-variables": variables,
    }
    status, body = await api.call("POST", f"/v3/{DOMAIN}/messages", data=fields | {"to": ", ".join(names)})
    assert status == 200, body
    over = fields | {"to": ", ".join([*names, "one@example.net"])}
    status, body = await api.call("POST", f"/v3/{DOMAIN}/messages", data=over)
    assert (status, body["message"]) == (400, "Too many recipients, max is 1000")
    found = {each.recipients[0]: text(parsed(each.data)) for each in await sink.wait(1000, 120)}
    assert found == {name: str(n) for n, name in enumerate(names)}


async def test_the_amp_part_stands_between_text_and_html(api: Api, sink: Sink) -> None:
    amp = "<!doctype html><html amp4email><body>%recipient.word%</body></html>"
    sent = await api.send(
        html="<p>h</p>", amp_html=amp, recipient_variables='{"bob@example.net": {"word": "w"}}'
    )
    event = await api.wait_event("delivered", sent)
    assert event["flags"]["is-amp"] is True
    message = parsed(sink.messages[0].data)
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/x-amp-html",
        "text/html",
    ]
    assert amp.replace("%recipient.word%", "w") in list(message.iter_parts())[1].get_content()
