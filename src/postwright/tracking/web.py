"""The door of links and pixels: an ASGI layer before the API, for three paths on any host.

    /c/<token>   302 to where the link leads       /o/<token>   a transparent image
    /u/<token>   GET: a page that asks; POST: unsubscribed (RFC 8058)

A click or an open is kept before the answer (journal.py) and becomes an event after it.
"""

import contextlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote

from postwright import domains
from postwright.kernel import metrics
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.mail.addresses import AddressError, to_ascii

from . import pages, service
from .clients import client
from .journal import Hit
from .places import Places
from .recorder import Recorder
from .service import Leaving, Lists
from .tokens import Tokens, Unsubscribe, Who

_PATH = re.compile(r"/+([cou])/+([^/]+?)/*")
_PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_COMMON = [
    (b"cache-control", b"no-store, no-cache, must-revalidate, private, max-age=0"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"x-content-type-options", b"nosniff"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000")  # a year; of this host alone
_TOKEN_ERRORS = metrics.Counter(
    "track_token_errors_total", "Links and pixels whose token is not ours, or not for this host.", ("kind",)
)
_MAX_BODY = 16_384  # octets of an unsubscribe request
# What may stand in a Location as it is: the reserved and unreserved of RFC 3986, and "%" of what is escaped already.
_AS_IT_IS = "!#$%&'()*+,/:;=?@[]~-._"


class TrackingDoor:
    """Answers the three paths, and hands everything else on."""

    def __init__(
        self,
        app: Any,
        *,
        db: Db,
        clock: Clock,
        tokens: Tokens,
        recorder: Recorder,
        places: Places,
        lists: Lists | None = None,
        is_https_only: Callable[[str], bool] = lambda host: False,
    ) -> None:
        self._app = app
        self._db = db
        self._clock = clock
        self._tokens = tokens
        self._recorder = recorder
        self._places = places
        self._lists = lists
        self._is_https_only = is_https_only

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        kind, token = found.groups()
        method = scope["method"]
        allowed = ("GET", "HEAD", "POST") if kind == "u" else ("GET", "HEAD")
        if method not in allowed:
            allow = ", ".join((*allowed, "OPTIONS")).encode()
            await _answer(send, 204 if method == "OPTIONS" else 405, b"", b"text/plain", [(b"allow", allow)])
            return
        headers = dict(scope["headers"])
        host = _host(headers)
        if scope["scheme"] == "https" and self._is_https_only(host):
            send = _strict(send)
        if kind == "c":
            await self._click(scope, headers, host, token, send)
        elif kind == "o":
            await self._open(scope, headers, host, token, send)
        else:
            await self._unsubscribe(scope, headers, host, token, receive, send)

    async def _click(self, scope: Any, headers: dict[bytes, bytes], host: str, token: str, send: Any) -> None:
        click = self._tokens.click(host, token)
        if click is None or not click.url[:8].lower().startswith(("http://", "https://")):
            _TOKEN_ERRORS.labels("click").inc()
            await _html(send, 404, pages.missing())
            return
        self._keep(scope, headers, "clicked", click, click.url)
        await _answer(send, 302, b"", b"text/plain", [(b"location", location(click.url))])

    async def _open(self, scope: Any, headers: dict[bytes, bytes], host: str, token: str, send: Any) -> None:
        who = self._tokens.open(host, token.removesuffix(".png").removesuffix(".gif"))
        if who is not None:
            self._keep(scope, headers, "opened", who, "")
        else:
            _TOKEN_ERRORS.labels("open").inc()
        # An image for whoever asks: a broken one in a message helps nobody.
        await _answer(send, 200, _PIXEL, b"image/gif", [(b"cross-origin-resource-policy", b"cross-origin")])

    def _keep(self, scope: Any, headers: dict[bytes, bytes], name: str, who: Who, url: str) -> None:
        self._recorder.take(
            Hit(
                self._clock.now(),
                name,
                who.domain_id,
                who.message,
                who.recipient,
                url,
                _ip(scope),
                headers.get(b"user-agent", b"").decode("latin-1")[:1024],
                scope["method"] == "HEAD",
            )
        )

    async def _unsubscribe(
        self, scope: Any, headers: dict[bytes, bytes], host: str, token: str, receive: Any, send: Any
    ) -> None:
        asked = self._tokens.unsubscribe(host, token)
        if asked is None:
            _TOKEN_ERRORS.labels("unsubscribe").inc()
            await _html(send, 404, pages.missing())
            return
        if scope["method"] != "POST":
            name = await self._db.read(_name, asked)
            if name is None:
                await _html(send, 404, pages.missing())
                return
            await _html(send, 200, pages.ask(asked.recipient, asked.mailing_list or name))
            return
        body = await _body(receive)
        if body is None:
            await _answer(send, 413, b"The request is too large.\n", b"text/plain; charset=utf-8")
            return
        fields = parse_qs(body.decode("latin-1"), max_num_fields=100) if b"action=" in body else {}
        again = fields.get("action") == ["resubscribe"]
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        ip = _ip(scope)
        who = client(agent)
        leaving = Leaving(
            domain_id=asked.domain_id.hex(),
            message=asked.message,
            recipient=asked.recipient,
            tags=asked.tags,
            mailing_list=asked.mailing_list,
            asked={"ip": ip, "client-info": who.info(who.bot), "geolocation": self._places.find(ip)},
        )
        act = service.resubscribe if again else service.unsubscribe
        try:
            name = await self._db.write(act, self._clock.now(), leaving, self._lists)
        except StoreUnavailable:
            await _answer(
                send,
                503,
                b"Please try again in a moment.\n",
                b"text/plain; charset=utf-8",
                [(b"retry-after", b"60")],
            )
            return
        except LookupError:
            name = None
        if name is None:
            await _html(send, 404, pages.missing())
        elif not fields:  # a program's one click: no page, no redirect (RFC 8058 §3.1)
            await _answer(send, 200, b"You are unsubscribed.\n", b"text/plain; charset=utf-8")
        else:
            page = pages.back if again else pages.gone
            await _html(send, 200, page(asked.recipient, asked.mailing_list or name))


def _name(tx: Any, asked: Unsubscribe) -> str | None:
    domain = domains.by_id(tx, asked.domain_id.hex())
    return None if domain is None else domain.name


def _strict(send: Any) -> Any:
    """The same, with HSTS (RFC 6797): browsers that were here come back over TLS only."""

    async def strict(event: Any) -> None:
        if event["type"] == "http.response.start":
            event["headers"].append(_HSTS)
        await send(event)

    return strict


async def _html(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-security-policy", pages.POLICY.encode())]
    await _answer(send, status, body, b"text/html; charset=utf-8", headers)


async def _answer(
    send: Any, status: int, body: bytes, kind: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    told = [*_COMMON, *(headers or ())]
    if status != 204:
        told += ((b"content-type", kind), (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _body(receive: Any) -> bytes | None:
    """The body of a request; None when it is too long for what it has to say."""
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        size += len(event.get("body", b""))
        if size > _MAX_BODY:
            return None
        chunks.append(event.get("body", b""))
        if not event.get("more_body", False):
            return b"".join(chunks)


def _host(headers: dict[bytes, bytes]) -> str:
    """The host that was asked, without port: what tokens are bound to."""
    host = headers.get(b"host", b"").decode("latin-1").strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _ip(scope: Any) -> str:
    found = scope.get("client")
    return str(found[0]) if found else ""


def location(url: str) -> bytes:
    """A target as a Location header has it: ASCII, and one line."""
    scheme, _, rest = url.partition("://")
    cut = next((at for at, char in enumerate(rest) if char in "/?#"), len(rest))
    site, rest = rest[:cut], rest[cut:]
    if not site.isascii():
        user, at, host = site.rpartition("@")
        name, colon, port = host.partition(":")
        with contextlib.suppress(AddressError):  # then quoted, for the browser to make something of
            site = f"{user}{at}{to_ascii(name)}{colon}{port}"
    return f"{scheme}://{quote(site, safe=_AS_IT_IS)}{quote(rest, safe=_AS_IT_IS)}".encode("ascii")
