"""What sending refuses, over real connections: the status, the exact text (behaviour.md 2.5), and no trace of it."""

import asyncio
import base64
import contextlib
import io
import sqlite3
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.e2e.conftest import DOMAIN, Api

SEND = f"/v3/{DOMAIN}/messages"
GOOD = {"from": f"ann@{DOMAIN}", "to": "bob@example.net", "subject": "Hi", "text": "Hello."}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
TABLES = ("events", "messages", "queue", "bodies")


def rows(api: Api) -> dict[str, int]:
    """How much there is of what a message leaves behind."""
    (path,) = (api.server.folder / "data").glob("*.db")
    with sqlite3.connect(path) as store:
        found = {name: store.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
    store.close()
    return found


async def refused(api: Api, status: int, message: str, path: str = SEND, **more: Any) -> Any:
    """Posting is answered so, and leaves nothing."""
    got, body = await api.call("POST", path, **more)
    assert got == status, (got, body)
    assert body["message"] == message
    assert not any(rows(api).values())
    return body


def form(**changes: Any) -> list[tuple[str, str]]:
    """The good fields, changed (names with __ for a colon and _ for a dash); None leaves one out."""
    fields: dict[str, Any] = dict(GOOD)
    for name, value in changes.items():
        fields[name.strip("_").replace("__", ":").replace("_", "-")] = value
    return [
        (name, each)
        for name, value in fields.items()
        if value is not None
        for each in (value if isinstance(value, list) else [value])
    ]


async def test_fields(api: Api) -> None:
    for changes, message in (
        ({"from_": None}, "from parameter is missing"),
        ({"from_": ""}, "from parameter is missing"),
        ({"from_": "  "}, "from parameter is missing"),
        ({"to": None}, "to parameter is missing"),
        ({"to": ""}, "to parameter is missing"),
        *(
            ({name: bad}, f"{name.strip('_')} parameter is not a valid address. please check documentation")
            for name in ("from_", "to", "cc", "bcc")
            for bad in (
                "nonsense",
                "a@",
                "@b.example",
                "a b@c.example",
                "a@b.example\r\nBcc: x@y.example",
                "<a@b",
            )
        ),
        *(
            (
                {"text": empty},
                "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified",
            )
            for empty in (None, "")
        ),
        ({"h__X-\u00e4": "1"}, "Header name must be pure ASCII: X-\u00e4"),
        ({"recipient_variables": "{"}, "'recipient-variables' parameter is not a valid JSON"),
        ({"recipient_variables": "[1]"}, "'recipient-variables' parameter is not a valid JSON"),
        ({"o__deliverytime": "tomorrow"}, "tomorrow is not an RFC-2822 compliant date"),
        ({"o__time_zone_localize": "25:00"}, "25:00 invalid 24 hour time(value of 'o:time-zone-localize')"),
        ({"o__secondary_dkim": "nonsense"}, "nonsense is not a valid secondary dkim domain name"),
        ({"to": [f"u{n}@example.net" for n in range(1001)]}, "Too many recipients, max is 1000"),
        ({"to": ",".join(f"u{n}@example.net" for n in range(1001))}, "Too many recipients, max is 1000"),
        (
            {
                "to": [f"u{n}@example.net" for n in range(600)],
                "bcc": [f"v{n}@example.net" for n in range(401)],
            },
            "Too many recipients, max is 1000",
        ),
        *(
            (
                {name: "x" * 16_385},
                "Send options (parameters starting with o:, h:, v:, or t:) are limited to 16 kB total",
            )
            for name in ("v__data", "h__X-Data", "t__variables")
        ),
    ):
        await refused(api, 400, message, data=form(**changes))


async def test_headers_cannot_be_injected(api: Api) -> None:
    for changes in (
        {"subject": "Hi\r\nBcc: eve@example.org"},
        {"subject": "Hi\nBcc: eve@example.org"},
        {"subject": "Hi\x00"},
        {"h__X-Own": "1\r\nBcc: eve@example.org"},
        {"h__X-Own\r\nBcc": "eve@example.org"},
        {"h__X Own": "1"},
        {"h__X:Own": "1"},
        {"h:": "1"},
        {"h__Reply-To": "a@b.example\nBcc: eve@example.org"},
        {"h__Message-Id": "<a@b>\r\nBcc: eve@example.org"},
        {"o__tag": "one\r\nBcc: eve@example.org"},
        {"from_": f"Ann\r\nBcc: eve@example.org <ann@{DOMAIN}>"},
    ):
        # Encoded here: aiohttp's client refuses to send such names.
        data = urlencode(form(**changes)).encode()
        status, body = await api.call("POST", SEND, data=data, headers=URLENCODED)
        assert status == 400 and body["message"], changes
        assert not any(rows(api).values()), changes


async def test_who_and_where(api: Api) -> None:
    await refused(api, 404, "Domain not found: unknown.example", "/v3/unknown.example/messages", data=form())
    for path in (SEND, f"{SEND}.mime", "/v3/unknown.example/messages"):
        for key in ("wrong", ""):
            assert await api.call("POST", path, key=key, data=form()) == (401, b"Forbidden")
        # Also when the body is nonsense: who nobody knows learns nothing of it.
        assert (
            await api.call(
                "POST", path, key="wrong", data=b"--x", headers={"Content-Type": "multipart/form-data"}
            )
        )[0] == 401
    assert await api.call("GET", "/v4/domains", key="wrong") == (401, {"message": "Invalid private key"})
    for method, path in (("GET", SEND), ("POST", "/v3/nothing/here"), ("PUT", "/v9")):
        status, body = await api.call(method, path)
        assert (status, body["error"]) == (404, "not found")
    assert not any(rows(api).values())


async def test_bodies(api: Api) -> None:
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
    for headers, data, status in (
        (multipart, b"nonsense", 400),
        (multipart, part + b"cut off", 400),
        (multipart, part.replace(b'; name="text"', b"") + b"x\r\n--b--\r\n", 400),
        (multipart, part + b"\xff\xfe\r\n--b--\r\n", 400),
        ({"Content-Type": "multipart/form-data"}, part + b"x\r\n--b--\r\n", 400),
        (URLENCODED, b"from=a%zz", 400),
        (URLENCODED, b"from=%ff%fe&to=bob@example.net&text=x", 400),
        ({"Content-Type": "application/json"}, b'{"from": ', 400),
        ({"Content-Type": "application/json"}, b'{"from": {"a": 1}, "to": "b@c.example", "text": "x"}', 400),
        (multipart | {"Content-Encoding": "gzip"}, b"not gzip", 400),
        (multipart | {"Content-Encoding": "br"}, b"x", 415),
    ):
        got, body = await api.call("POST", SEND, data=data, headers=headers)
        assert got == status and body["message"], (data, got, body)
        assert not any(rows(api).values()), data
    await refused(
        api,
        400,
        "Invalid request content type. Expecting 'multipart/form-data' but got 'text/plain'",
        data=b"Hello",
        headers={"Content-Type": "text/plain"},
    )


async def test_mime(api: Api) -> None:
    path = f"{SEND}.mime"
    raw = f"From: ann@{DOMAIN}\r\nTo: bob@example.net\r\n\r\nHi\r\n"
    for fields, message in (
        ({"to": "bob@example.net"}, "message parameter is missing"),
        ({"to": "bob@example.net", "message": ""}, "message parameter is missing"),
        ({"message": raw}, "to parameter is missing"),
        (
            {"to": "nonsense", "message": raw},
            "to parameter is not a valid address. please check documentation",
        ),
        ({"to": "bob@example.net", "message": "Subject: x\r\n\r\nHi\r\n"}, "from parameter is missing"),
        ({"to": "bob@example.net", "message": "nonsense"}, "from parameter is missing"),
        (
            {"to": ",".join(f"u{n}@example.net" for n in range(1001)), "message": raw},
            "Too many recipients, max is 1000",
        ),
    ):
        await refused(api, 400, message, path, data=fields)


async def test_too_large(api: Api) -> None:
    def file(size: int) -> aiohttp.FormData:
        data = aiohttp.FormData(form())
        data.add_field(
            "attachment", io.BytesIO(bytes(size)), filename="zeros", content_type="application/octet-stream"
        )
        return data

    text = "request size exceeds 52.4MiB limit"
    await refused(api, 413, text, data=file(26 * 1024 * 1024))
    # Within the limit of a request, and over that of a message once it is encoded.
    await refused(api, 413, text, data=file(20 * 1024 * 1024))

    async def endless() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n'
        for _ in range(80):
            yield bytes(1024 * 1024)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    # After 52.4 MiB the server may hang up while we are still sending.
    with contextlib.suppress(aiohttp.ClientOSError):
        await refused(api, 413, text, data=endless(), headers=headers)
    assert not any(rows(api).values())
    await api.send()  # and still works


async def test_a_client_that_hangs_up(api: Api) -> None:
    _, writer = await asyncio.open_connection(*api.server.base_url.removeprefix("http://").split(":"))
    basic = base64.b64encode(f"api:{api.server.api_key}".encode()).decode()
    writer.write(
        f"POST {SEND} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {basic}\r\nContent-Length: 1000\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        f"from=ann@{DOMAIN}&to=bob@example.net&text=x".encode()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await api.send()
    found = rows(api)
    assert found["messages"] == 1
