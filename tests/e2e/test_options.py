"""Every send option through every door: as a field of a form, as a field beside a complete message, as a header in
one, and as a header over SMTP. What counts is what it does: delivered octets, events, schedules.
"""

import email
import email.policy
import json
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from postwright.apps.tls import _make
from postwright.testing.catcher import Catcher
from postwright.testing.sink import Sink

from .conftest import DOMAIN, Api, wait_for
from .doors import ORDERS, PASSWORD, SECOND, Case, Doors, Seen


def _only_the_source(seen: Seen) -> None:
    """Nobody asked to leave out which address it came from."""
    left = {name.lower() for name in seen.message if name.lower().startswith("x-mailgun-")}
    assert left == {"x-mailgun-sending-ip"}


def _none(prefix: str) -> Callable[[Seen], None]:
    def look(seen: Seen) -> None:
        assert not [name for name in seen.message if name.lower().startswith(prefix)]

    return look


def _tags(seen: Seen) -> None:
    assert seen.headers("X-Mailgun-Tag") == ["News", "Two words"]
    assert seen.event("accepted")["tags"] == seen.event("delivered")["tags"] == ["News", "Two words"]


def _variables(seen: Seen) -> None:
    assert json.loads(seen.message["X-Mailgun-Variables"]) == {"user": "7", "more": '{"a":1}'}
    assert seen.event("delivered")["user-variables"] == {"user": "7", "more": '{"a":1}'}


def _unsigned(seen: Seen) -> None:
    assert not seen.headers("DKIM-Signature") and "primary-dkim" not in seen.event("delivered")


def _signed_by(*domains: str) -> Callable[[Seen], None]:
    def look(seen: Seen) -> None:
        found = [value.split("d=")[1].split(";")[0] for value in seen.headers("DKIM-Signature")]
        assert sorted(found) == sorted(domains)

    return look


def _test_mode(seen: Seen) -> None:
    event = seen.event("delivered")
    assert event["delivery-status"]["code"] == 650 and event["flags"]["is-test-mode"] is True
    assert seen.copies == []


def _tracking(
    header: str, value: str, *, html: bool, text: bool, pixel: bool, top: bool = False
) -> Callable[[Seen], None]:
    def look(seen: Seen) -> None:
        assert seen.message[header] == value
        assert ('href="https://example.com/html"' not in seen.part("text/html")) == html
        assert ("https://example.com/text" not in seen.part("text/plain")) == text
        markup = seen.part("text/html")
        assert ('<img width="1px" height="1px" alt=""' in markup) == pixel
        if pixel:
            assert (markup.index("<img") < markup.index("<p>")) == top

    return look


def _from_address(seen: Seen) -> None:
    assert seen.copy.peer == "127.0.0.3" and seen.message["X-Mailgun-Sending-Ip"] == "127.0.0.3"
    assert seen.event("delivered")["envelope"]["sending-ip"] == "127.0.0.3"


def _tls_refused(seen: Seen) -> None:
    event = seen.event("failed")
    assert (event["severity"], event["reason"]) == ("temporary", "generic") and not seen.copies


def _tls_taken(seen: Seen) -> None:
    status = seen.event("delivered")["delivery-status"]
    assert seen.copy.tls and (status["tls"], status["certificate-verified"]) == (True, False)


def _scheduled(seen: Seen) -> None:
    at = seen.event("accepted")["message"]["scheduled-for"]
    assert seen.started + 2 < at < seen.started + 8
    # It leaves within 2 s of its time on a quiet machine.
    assert at <= seen.event("delivered")["timestamp"] <= at + 8


def _at_once(seen: Seen) -> None:
    assert seen.event("delivered")["timestamp"] < seen.started + 15


def _optimized(seen: Seen) -> None:
    _at_once(seen)
    assert seen.event("delivered")["i-delivery-optimizer"] == "sto"


def _batch(seen: Seen) -> None:
    assert len({event.get("batch", {}).get("id") for event in seen.events}) == 1
    assert len([event for event in seen.events if event["event"] == "accepted"]) == 3
    for copy in seen.copies:
        (address,) = copy.recipients
        word = {"bob@example.net": "one", "eve@example.org": "two"}[address]
        one = Seen(seen.name, [copy], seen.events, seen.started)
        assert one.message["To"] == address and f" {word}<" in one.part("text/html")
        other = b"eve@example.org" if address.startswith("bob") else b"bob@example.net"
        assert other not in copy.data


def _template(seen: Seen) -> None:
    assert seen.part("text/html").strip() == "<p>Hi Ann, v2</p>"
    assert seen.event("delivered")["template"]["name"] == "welcome"


def _own(seen: Seen) -> None:
    assert seen.headers("X-Own") == ["1"] and seen.message["Reply-To"] == "desk@example.net"


BATCH = json.dumps({"bob@example.net": {"word": "one"}, "eve@example.org": {"word": "two"}})
TLS = "require-tls"
CASES = [
    Case("tags", {"o:tag": ["News", "news", "Two words"]}, _tags),
    Case("variables", {"v:user": "7", "v:more": '{"a":1}'}, _variables),
    Case("headers", {"h:X-Own": "1", "h:Reply-To": "desk@example.net"}, _own, doors=("form", "mime")),
    Case("dkim", {"o:dkim": "no"}, _unsigned),
    Case("second", {"o:secondary-dkim": f"{SECOND}/s2"}, _signed_by(DOMAIN, SECOND)),
    Case("comma", {"o:secondary-dkim": f"{SECOND},s2"}, _signed_by(DOMAIN, SECOND)),
    Case(
        "alias",
        {"o:secondary-dkim": f"{SECOND}/s2", "o:secondary-dkim-public": "alias.example.org/s9"},
        _signed_by(DOMAIN, "alias.example.org"),
    ),
    Case("test", {"o:testmode": "yes"}, _test_mode, copies=0),
    Case(
        "track", {"o:tracking": "yes"}, _tracking("X-Mailgun-Track", "yes", html=True, text=True, pixel=True)
    ),
    Case(
        "htmlonly",
        {"o:tracking-clicks": "htmlonly"},
        _tracking("X-Mailgun-Track-Clicks", "htmlonly", html=True, text=False, pixel=False),
    ),
    Case(
        "opens",
        {"o:tracking-opens": "yes", "o:tracking-pixel-location-top": "yes"},
        _tracking("X-Mailgun-Track-Opens", "yes", html=False, text=False, pixel=True, top=True),
    ),
    Case(
        "precedence",
        {"o:tracking": "yes", "o:tracking-clicks": "no"},
        _tracking("X-Mailgun-Track-Clicks", "no", html=False, text=False, pixel=True),
    ),
    Case("address", {"o:sending-ip": "127.0.0.3"}, _from_address),
    Case(TLS, {"o:require-tls": "yes"}, _tls_refused, copies=0, until="failed"),
    Case("skip", {"o:require-tls": "yes", "o:skip-verification": "yes"}, _tls_taken),
    Case("deliverytime", {"o:deliverytime": "soon"}, _scheduled),
    Case("optimize", {"o:deliverytime-optimize-period": "24h"}, _optimized),
    Case("localize", {"o:time-zone-localize": "02:04PM"}, _at_once),
    Case("suppress", {"o:suppress-headers": "all", "o:tag": "x", "v:a": "b"}, _none("x-mailgun-")),
    Case(
        "suppress-some",
        {
            "o:suppress-headers": ["X-Mailgun-Sid, X-Mailgun-Tag", "x-mailgun-variables"],
            "o:tag": "x",
            "v:a": "b",
        },
        _only_the_source,
    ),
    Case("archive", {"o:archive-to": "catcher"}, lambda seen: None),
    Case(
        "batch",
        {"recipient-variables": BATCH},
        _batch,
        copies=2,
        to=("bob@example.net", "eve@example.org"),
    ),
    Case(
        "template",
        {"template": "welcome", "t:version": "v2", "t:variables": '{"name": "Ann"}'},
        _template,
    ),
]


@pytest.fixture
async def tls_sink(tmp_path: Path) -> Any:
    """A receiver whose certificate nobody vouches for."""
    (tmp_path / "sink.pem").write_bytes(_make("sink.test"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "sink.pem")
    async with Sink(tls=context) as server:
        yield server


async def test_every_option_through_every_door(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, tls_sink: Sink, catcher: Catcher
) -> None:
    settings |= {
        "delivery": f"smarthost:127.0.0.1:{tls_sink.port}",
        "source_ips": "127.0.0.1,127.0.0.3",
        "retry_schedule": "600",
    }
    api = Api(await start_server(**settings), http)
    await _prepare(api)
    doors = Doors(api, catcher)

    async def send(case: Case, door: str) -> tuple[Case, str, float, str]:
        started = time.time()
        return case, door, started, await doors.send(case, door)

    tasks = [send(case, door) for case in CASES for door in case.doors]
    sent = [await each for each in tasks]  # one after the other: a burst shows nothing more
    seen = {}
    for case, door, started, message_id in sent:
        name = f"{case.name} by {door}"
        await api.wait_event(case.until, message_id, timeout=60)
        if case.copies > 1:
            await _delivered(api, message_id, case.copies)
        events = await api.events(**{"message-id": message_id})
        copies = [each for each in tls_sink.messages if f"<{message_id}>".encode() in each.data]
        assert len(copies) == case.copies, name
        seen[name] = Seen(name, copies, events, started)
        try:
            case.look(seen[name])
        except (AssertionError, LookupError, ValueError, TypeError) as wrong:
            shown = copies[0].data.decode(errors="replace") if copies else ""
            raise AssertionError(f"{name}: {wrong!r}\n{shown}\n{json.dumps(events, indent=1)}") from wrong
        for copy in copies:
            # Orders to us are for nobody else.
            head = email.message_from_bytes(copy.data)
            assert not ORDERS & {key.lower() for key in head}, name
    posts = {post.path: post.body for post in await catcher.wait(4, 30)}
    for door in ("form", "mime", "header", "smtp"):
        assert posts[f"/archive-{door}"] == seen[f"archive by {door}"].copy.data


async def _delivered(api: Api, message_id: str, count: int) -> None:
    async def look() -> bool:
        return len(await api.events(**{"message-id": message_id, "event": "delivered"})) >= count

    await wait_for(look, f"{count} deliveries of {message_id}", 60)


async def _prepare(api: Api) -> None:
    """A login, a second domain whose key may sign too, a template with two versions."""
    for method, path, fields in (
        ("POST", f"/v3/domains/{DOMAIN}/credentials", {"login": "sender", "password": PASSWORD}),
        ("POST", "/v4/domains", {"name": SECOND, "dkim_selector": "s2"}),
        ("POST", f"/v3/{DOMAIN}/templates", {"name": "welcome", "template": "<p>{{name}}</p>", "tag": "v1"}),
        (
            "POST",
            f"/v3/{DOMAIN}/templates/welcome/versions",
            {"template": "<p>Hi {{name}}, v2</p>", "tag": "v2"},
        ),
    ):
        status, body = await api.call(method, path, data=fields)
        assert status == 200, (path, body)


async def test_deliver_within_cuts_the_time_to_live(
    start_server: Any, settings: dict[str, str], http: aiohttp.ClientSession, sink: Sink, catcher: Catcher
) -> None:
    sink.fail("*", 451, "4.3.0 later")
    api = Api(await start_server(**settings | {"retry_schedule": "600,600"}), http)
    await _prepare(api)
    doors = Doors(api, catcher)
    case = Case("within", {"o:deliver-within": "1h30m"}, lambda seen: None)
    sent = [await doors.send(case, door) for door in case.doors]
    sent.append(await api.send(h__X_Mailgun_Deliver_Within="1h30m"))
    # With five minutes to live there is no second attempt in ten.
    short = await api.send(o__deliver_within="5m")
    old = await api.wait_event("failed", short, severity="permanent")
    assert (old["reason"], old["delivery-status"]["code"]) == ("old", 602)
    rows = (await api.get("/postwright/v1/queue/recipients"))["items"]
    assert len(rows) == len(sent)
    for row in rows:
        lives = _moment(row["give_up_at"]) - _moment(row["accepted_at"])
        assert round(lives) == 5400


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
