"""Messages made of templates, as a receiver gets them."""

import asyncio
import email
import email.policy
import json
import smtplib
import ssl
from email.message import EmailMessage
from typing import Any

from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for

HTML = """<!DOCTYPE html><html><body><h1>Hi {{name}}</h1>
{{#if items}}<ul>{{#each items}}<li>{{@index}} {{this.title}}</li>{{/each}}</ul>{{else}}<p>nothing</p>{{/if}}
<p>{{{raw}}} – {{order.id}} %recipient.code%</p></body></html>"""


async def _template(api: Api, name: str = "order", where: str = f"/v3/{DOMAIN}", **more: Any) -> None:
    fields = {"name": name, "template": HTML, "tag": "v1"} | more
    status, body = await api.call("POST", f"{where}/templates", data=fields)
    assert status == 200, body


async def _mail(sink: Sink, count: int = 1) -> list[EmailMessage]:
    async def arrived() -> bool:
        return len(sink.messages) >= count

    await wait_for(arrived, f"{count} messages")
    found = [email.message_from_bytes(each.data, policy=email.policy.default) for each in sink.messages]
    return sorted(found, key=lambda each: str(each["To"]))  # type: ignore[return-value,arg-type]


def _html(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def _text(message: EmailMessage) -> str | None:
    part = message.get_body(("plain",))
    return None if part is None else str(part.get_content()).replace("\r\n", "\n")


async def test_a_template_becomes_the_message(api: Api, sink: Sink) -> None:
    headers = {
        "From": "Shop {{shop}} <shop@mail.example.com>",
        "Subject": "Order {{order.id}} & more",
        "Reply-To": "r@mail.example.com",
    }
    await _template(api, headers=json.dumps(headers))
    variables = {"name": "<Bob>", "items": [{"title": "A"}, {"title": "B"}], "raw": "<b>x</b>", "shop": "Ö"}
    fields = [
        ("to", "bob@example.net"),
        ("template", "Order"),
        ("t:text", "yes"),
        ("t:variables", json.dumps(variables)),
        ("v:order", '{"id": 7}'),
        ("v:name", "loses"),
        ("from", ""),
        ("subject", ""),
        ("text", ""),
    ]
    status, sent = await api.call("POST", f"/v3/{DOMAIN}/messages", data=fields)
    assert status == 200, sent
    (message,) = await _mail(sink)
    assert (message["From"], message["Subject"]) == ("Shop Ö <shop@mail.example.com>", "Order 7 & more")
    assert message["Reply-To"] == "r@mail.example.com"
    html = _html(message)
    assert "<h1>Hi &lt;Bob&gt;</h1>" in html and "<li>0 A</li><li>1 B</li>" in html
    assert "<p><b>x</b> – 7 %recipient.code%</p>" in html
    assert _text(message) == "Hi <Bob>\n\n- 0 A\n- 1 B\n\nx – 7 %recipient.code%\n"
    assert "t:variables" not in str(message) and json.loads(message["X-Mailgun-Variables"])["name"] == "loses"
    event = await api.wait_event("delivered", sent["id"].strip("<>"))
    assert event["template"] == {"name": "order", "version": "v1", "is-text": True}
    assert event["message"]["headers"]["subject"] == "Order 7 & more"
    # What the message says itself wins.
    await api.send(
        template="order", text="own text", subject="own", **{"h__Reply-To": "own@mail.example.com"}
    )
    message = next(each for each in await _mail(sink, 2) if each["Subject"] == "own")
    assert message["From"] == f"Ann <ann@{DOMAIN}>" and message["Reply-To"] == "own@mail.example.com"
    assert str(_text(message)).strip() == "own text" and "<p>nothing</p>" in _html(message)


async def test_each_copy_of_a_batch_is_filled_for_its_recipient(api: Api, sink: Sink) -> None:
    await _template(api, headers='{"Subject": "For {{name}}"}')
    people = {
        "a@example.net": {"name": "<Ann>", "code": "c1"},
        "b@example.net": {"name": "Bob", "code": "c2", "v:vip": "yes"},
    }
    sent = await api.send(
        to=list(people),
        subject="",
        text="",
        template="order",
        v__name="%recipient.name%",
        recipient_variables=json.dumps(people),
    )
    # The template of that moment was sent, whatever becomes of it.
    await api.call("DELETE", f"/v3/{DOMAIN}/templates/order")
    ann, bob = await _mail(sink, 2)
    assert (ann["Subject"], ann["To"], bob["Subject"]) == ("For <Ann>", "a@example.net", "For Bob")
    assert "<h1>Hi &lt;Ann&gt;</h1>" in _html(ann) and " c1</p>" in _html(ann)
    assert "<h1>Hi Bob</h1>" in _html(bob) and " c2</p>" in _html(bob)
    for address, name in (("a@example.net", "<Ann>"), ("b@example.net", "Bob")):
        event = await api.wait_event("delivered", sent, recipient=address)
        assert event["user-variables"]["name"] == name and event["template"]["name"] == "order"
        assert event["message"]["headers"]["subject"] == f"For {name}"


async def test_domain_before_account_and_versions(api: Api, sink: Sink) -> None:
    await _template(api, "t", template="domain {{x}}")
    await _template(api, "t", "/v4", template="account {{x}}")
    await _template(api, "only", "/v4", template="account only {{x}}")
    await api.call(
        "POST", f"/v3/{DOMAIN}/templates/t/versions", data={"template": "second {{x}}", "tag": "V2"}
    )
    for name, version in (("t", ""), ("t", "v2"), ("only", "")):
        await api.send(template=name, text="", subject=f"{name}{version}", v__x="!", t__version=version)
    found = {str(each["Subject"]): _html(each).strip() for each in await _mail(sink, 3)}
    assert found == {"t": "domain !", "tv2": "second !", "only": "account only !"}


async def test_what_cannot_be_filled_is_refused(api: Api, sink: Sink) -> None:
    await _template(api, "t")
    await _template(api, "broken", template="{{#if x}}")
    await _template(
        api,
        "endless",
        template="{{#each a}}{{#each @root.a}}{{#each @root.a}}{{#each @root.a}}x" + "{{/each}}" * 4,
    )
    await _template(api, "break", headers='{"Subject": "{{x}}"}')

    async def refused(**fields: str) -> str:
        given = {"from": f"a@{DOMAIN}", "to": "b@example.net", "subject": "s"} | fields
        status, body = await api.call("POST", f"/v3/{DOMAIN}/messages", data=given)
        assert status == 400, body
        return str(body["message"])

    assert await refused(template="nope") == "template 'nope' not found"
    assert await refused(template="t", **{"t:version": "v9"}) == "template 't' version 'v9' not found"
    assert await refused(template="t", html="x") == "Only one parameters 'html' or 'template' is allowed"
    assert (
        await refused(template="t", **{"t:variables": "{"}) == "'t:variables' parameter is not a valid JSON"
    )
    assert (
        await refused(template="t", **{"t:variables": "[]"}) == "'t:variables' parameter is not a valid JSON"
    )
    assert (await refused(template="broken")).startswith(
        "template could not be rendered: Parse error on line 1"
    )
    long = json.dumps({"a": list(range(2000))})
    assert await refused(template="endless", **{"t:variables": long}) == (
        "template could not be rendered: it takes more than 500 ms"
    )
    too_long = {"t:variables": json.dumps({"x": "y" * 17_000})}
    assert "limited to 16 kB" in await refused(template="t", **too_long)
    # A line break that comes in with a variable does not become a header.
    hostile = {"t:variables": json.dumps({"x": "a\r\nBcc: eve@example.net"})}
    status, _ = await api.call(
        "POST", f"/v3/{DOMAIN}/messages",
        data={"from": f"a@{DOMAIN}", "to": "b@example.net", "template": "break"} | hostile,
    )  # fmt: skip
    assert status == 200
    (message,) = await _mail(sink)
    assert message["Subject"] == "a Bcc: eve@example.net" and message["Bcc"] is None


MIME = (
    b"From: ann@mail.example.com\r\nTo: bob@example.net\r\nSubject: own\r\nMIME-Version: 1.0\r\n"
    b"X-Mailgun-Template-Name: order\r\nX-Mailgun-Template-Version: v1\r\n"
    b'X-Mailgun-Template-Variables: {"name": "MIME",\r\n "order": {"id": 3}}\r\n'
    b'X-Mailgun-Variables: {"raw": "R"}\r\nContent-Type: text/%b; charset=utf-8\r\n\r\nplaceholder\r\n'
)


async def test_a_complete_message_names_a_template(api: Api, sink: Sink) -> None:
    await _template(api)
    data = {"to": "bob@example.net", "message": (MIME % b"html").decode(), "t:text": "yes"}
    status, sent = await api.call("POST", f"/v3/{DOMAIN}/messages.mime", data=data)
    assert status == 200, sent
    (message,) = await _mail(sink)
    assert "<h1>Hi MIME</h1>" in _html(message) and "R – 3" in _html(message)
    assert "Hi MIME" in str(_text(message)) and "placeholder" not in str(message)
    assert not [name for name in message if "template" in name.lower()]
    # A text/plain body is sent as it is.
    data = {"to": "carl@example.net", "message": (MIME % b"plain").decode()}
    assert (await api.call("POST", f"/v3/{DOMAIN}/messages.mime", data=data))[0] == 200
    _, plain = await _mail(sink, 2)
    assert str(plain.get_content()).strip() == "placeholder"


async def test_a_template_over_smtp(api: Api, sink: Sink) -> None:
    await _template(api)
    people = {"a@example.net": {"n": "Ann"}, "b@example.net": {"n": "Bob"}}
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@mail.example.com", "%recipient%", "own"
    message["X-Mailgun-Template-Name"] = "order"
    message["X-Mailgun-Variables"] = '{"name": "%recipient.n%"}'
    message["X-Mailgun-Recipient-Variables"] = json.dumps(people)
    message.set_content("plain")
    message.add_alternative("<p>placeholder</p>", subtype="html")

    login = {"login": f"ann@{DOMAIN}", "password": "secret-password"}
    assert (await api.call("POST", f"/v3/domains/{DOMAIN}/credentials", data=login))[0] == 200

    def submit(name: str) -> Any:
        with smtplib.SMTP(*api.server.smtp, timeout=20) as smtp:
            smtp.starttls(context=ssl._create_unverified_context())
            smtp.login(f"ann@{DOMAIN}", "secret-password")
            del message["X-Mailgun-Template-Name"]
            message["X-Mailgun-Template-Name"] = name
            try:
                return smtp.send_message(message, "ann@mail.example.com", list(people))
            except smtplib.SMTPResponseException as refused:
                return refused.smtp_code, refused.smtp_error

    assert await asyncio.to_thread(submit, "nope") == (550, b"5.6.0 template 'nope' not found")
    assert await asyncio.to_thread(submit, "order") == {}
    ann, bob = await _mail(sink, 2)
    assert "<h1>Hi Ann</h1>" in _html(ann) and "<h1>Hi Bob</h1>" in _html(bob)
    assert str(_text(ann)).strip() == "plain" and ann["To"] == "a@example.net"
