"""Four ways in for one message: a form, a complete message with fields or headers, SMTP."""

import asyncio
import email
import email.policy
import json
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import aiohttp

from postwright.testing.catcher import Catcher
from postwright.testing.sink import Message

from .conftest import DOMAIN, Api

SECOND = "second.example.com"
PASSWORD = "secret-password"
TEXT = "See https://example.com/text."
HTML = '<html><body><p><a href="https://example.com/html">x</a> %recipient.word%</p></body></html>'

# Field and header (behaviour.md 2.6).
TWINS = {
    "o:tag": "X-Mailgun-Tag",
    "o:dkim": "X-Mailgun-Dkim",
    "o:secondary-dkim": "X-Mailgun-Secondary-DKIM",
    "o:secondary-dkim-public": "X-Mailgun-Secondary-DKIM-Public",
    "o:testmode": "X-Mailgun-Drop-Message",
    "o:tracking": "X-Mailgun-Track",
    "o:tracking-clicks": "X-Mailgun-Track-Clicks",
    "o:tracking-opens": "X-Mailgun-Track-Opens",
    "o:tracking-pixel-location-top": "X-Mailgun-Track-Pixel-Location-Top",
    "o:sending-ip": "X-Mailgun-Sending-Ip",
    "o:require-tls": "X-Mailgun-Require-TLS",
    "o:skip-verification": "X-Mailgun-Skip-Verification",
    "o:deliverytime": "X-Mailgun-Deliver-By",
    "o:deliver-within": "X-Mailgun-Deliver-Within",
    "o:deliverytime-optimize-period": "X-Mailgun-Delivery-Time-Optimize-Period",
    "o:time-zone-localize": "X-Mailgun-Time-Zone-Localize",
    "o:archive-to": "X-Mailgun-Archive-To",
    "o:suppress-headers": "X-Mailgun-Suppress-Headers",
    "recipient-variables": "X-Mailgun-Recipient-Variables",
    "template": "X-Mailgun-Template-Name",
    "t:version": "X-Mailgun-Template-Version",
    "t:variables": "X-Mailgun-Template-Variables",
}
ORDERS = frozenset(header.lower() for header in TWINS.values()) - {
    "x-mailgun-tag",
    "x-mailgun-track",
    "x-mailgun-track-clicks",
    "x-mailgun-track-opens",
    "x-mailgun-track-pixel-location-top",
    "x-mailgun-sending-ip",
}


@dataclass
class Seen:
    """What came of one message."""

    name: str
    copies: list[Message]
    events: list[dict[str, Any]]
    started: float  # time.time() when it was sent

    @property
    def copy(self) -> Message:
        (copy,) = self.copies
        return copy

    @property
    def message(self) -> EmailMessage:
        parsed: Any = email.message_from_bytes(self.copy.data, policy=email.policy.default)
        return parsed  # type: ignore[no-any-return]

    def headers(self, name: str) -> list[str]:
        return [str(value) for value in self.message.get_all(name) or []]

    def part(self, kind: str) -> str:
        found = [part for part in self.message.walk() if part.get_content_type() == kind]
        return str(found[0].get_content())

    def event(self, name: str) -> dict[str, Any]:
        (event,) = [event for event in self.events if event["event"] == name]
        return event


@dataclass
class Case:
    """Options, what to look at, and how many copies must have come before that."""

    name: str
    fields: Mapping[str, str | Sequence[str]]
    look: Callable[[Seen], None]
    copies: int = 1
    until: str = "delivered"  # the event to wait for
    to: tuple[str, ...] = ("bob@example.net",)
    doors: tuple[str, ...] = ("form", "mime", "header", "smtp")
    html: str = HTML


def mime(case: Case, headers: Sequence[tuple[str, str]]) -> bytes:
    """The case's message as a sender composes it."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["Subject"] = f"ann@{DOMAIN}", "Hi"
    message["To"] = "%recipient%" if "recipient-variables" in case.fields else ", ".join(case.to)
    for name, value in headers:
        message[name] = value
    message.set_content(TEXT)
    message.add_alternative(case.html, subtype="html")
    return message.as_bytes()


def pairs(fields: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
    return [(k, v) for k, each in fields.items() for v in ([each] if isinstance(each, str) else each)]


def twins(fields: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The options as headers."""
    variables = {name[2:]: value for name, value in fields if name.startswith("v:")}
    found = [(TWINS[name], value) for name, value in fields if not name.startswith("v:")]
    return found + ([("X-Mailgun-Variables", json.dumps(variables))] if variables else [])


class Doors:
    """Four ways in."""

    def __init__(self, api: Api, catcher: Catcher) -> None:
        self._api = api
        self._catcher = catcher

    async def send(self, case: Case, door: str) -> str:
        """Send the case's message; its id without brackets."""
        fields = [(name, self._value(value, f"{case.name}-{door}")) for name, value in pairs(case.fields)]
        if door == "smtp":
            return await asyncio.to_thread(self._submit, case, mime(case, twins(fields)))
        form = aiohttp.FormData()
        for address in case.to:
            form.add_field("to", address)
        if door == "form":
            fields += [("from", f"ann@{DOMAIN}"), ("subject", "Hi"), ("text", TEXT)]
            fields += [] if "template" in case.fields else [("html", case.html)]
        else:
            raw = mime(case, twins(fields) if door == "header" else [])
            form.add_field("message", raw, filename="message.mime", content_type="message/rfc822")
        for name, value in fields if door != "header" else ():
            form.add_field(name, value)
        path = f"/v3/{DOMAIN}/messages{'' if door == 'form' else '.mime'}"
        status, body = await self._api.call("POST", path, data=form)
        assert status == 200, (case.name, door, body)
        return str(body["id"]).strip("<>")

    def _value(self, value: str, name: str) -> str:
        if value == "catcher":
            return self._catcher.url(f"/{name}")
        return str(int(time.time()) + 4) if value == "soon" else value

    def _submit(self, case: Case, raw: bytes) -> str:
        with smtplib.SMTP(*self._api.server.smtp, timeout=60) as client:
            client.starttls(context=ssl._create_unverified_context())
            client.login(f"sender@{DOMAIN}", PASSWORD)
            client.mail(f"ann@{DOMAIN}")
            for address in case.to:
                assert client.rcpt(address)[0] == 250
            code, text = client.data(raw)
            assert code == 250, text
            return text.decode().partition("<")[2].rstrip(">")
