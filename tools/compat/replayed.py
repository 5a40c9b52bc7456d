"""Clients of other languages, by the requests they make: form, encoding, headers, and what they look for."""

import base64
import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from postwright.testing.sandbox import Sandbox

from .calls import Client

_BOUNDARY = "_=_symfony_1700000000_0123456789abcdef_=_"


def run(sandbox: Sandbox) -> list[Client]:
    """All of them."""
    return [_symfony(sandbox), _laravel(sandbox)]


def _symfony(sandbox: Sandbox) -> Client:
    """Symfony Mailer: `mailgun+api` and `mailgun+https`."""
    made = Client("Symfony Mailer (requests replayed)", "The transports `mailgun+api` and `mailgun+https`.")
    who = f"Ann <ann@{sandbox.domain}>"
    fields = [
        ("from", who, ""),
        ("to", "Bob <bob@example.net>", ""),
        ("cc", "carl@example.net", ""),
        ("subject", "Grüße", ""),
        ("text", "Hello", ""),
        ("html", "<b>Hello</b>", ""),
        ("attachment", "plain", "ä.txt"),
        ("inline", "\x89PNG", "logo.png"),
        ("h:X-Own", "yes", ""),
        ("o:tag", "one", ""),
        ("o:tag", "two", ""),
        ("v:order", "12", ""),
        ("t:variables", '{"a": 1}', ""),
    ]
    made.call("mailgun+api: send", lambda: _post(sandbox, "messages", fields), lambda sent: sent["id"])
    made.call(
        "mailgun+https: send", lambda: _post(sandbox, "messages.mime", _mime(who)), lambda sent: sent["id"]
    )
    made.call(
        "mailgun+api: a refusal has a message",
        lambda: _post(sandbox, "messages", [("from", who, ""), ("to", "nobody", ""), ("text", "x", "")], 400),
        lambda said: said["message"],
    )
    return made


def _laravel(sandbox: Sandbox) -> Client:
    """Laravel: Symfony's transport since 9; before, MIME with one `to` for all recipients."""
    made = Client("Laravel (requests replayed)", "The driver `mailgun`: Symfony's since 9, its own before.")
    who = f"ann@{sandbox.domain}"
    made.call(
        "9 and later: send", lambda: _post(sandbox, "messages.mime", _mime(who)), lambda sent: sent["id"]
    )
    made.call(
        "8 and before: send",
        lambda: _post(
            sandbox, "messages.mime", _mime(who, '"Bob" <bob@example.net>,"Eve" <eve@example.net>')
        ),
        lambda sent: sent["id"],
    )
    return made


def _mime(who: str, to: str = "bob@example.net") -> list[tuple[str, str, str]]:
    raw = f"From: {who}\r\nTo: {to}\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n\r\nHello\r\n"
    return [("to", to, ""), ("message", raw, "message.mime")]


def _post(
    sandbox: Sandbox, path: str, fields: list[tuple[str, str, str]], expected: int = 200
) -> dict[str, str]:
    parts = []
    for name, value, filename in fields:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        kind = "application/octet-stream" if filename else "text/plain; charset=utf-8"
        encoding = "Content-Transfer-Encoding: 8bit\r\n"
        parts.append(
            f"--{_BOUNDARY}\r\nContent-Type: {kind}\r\n{encoding}Content-Disposition: {disposition}\r\n\r\n{value}\r\n"
        )
    body = "".join([*parts, f"--{_BOUNDARY}--\r\n"]).encode()
    headers = {
        "Authorization": "Basic " + base64.b64encode(f"api:{sandbox.key}".encode()).decode(),
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        "User-Agent": "Symfony HttpClient (Curl)",
    }
    url = f"{sandbox.base_url}/v3/{sandbox.domain}/{path}"
    try:
        with urlopen(Request(url, body, headers, method="POST"), timeout=30) as answer:
            status, said = answer.status, answer.read()
    except HTTPError as no:
        with no:
            status, said = no.code, no.read()
    if status != expected:
        raise AssertionError(f"{status} {said[:200]!r}")
    found: dict[str, str] = json.loads(said)
    return found
