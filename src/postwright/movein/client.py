"""One account's API, from outside: patient with limits and failures, and never in a hurry."""

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import aiohttp

TIMEOUT_SECONDS = 60.0
ATTEMPTS = 8  # of one call
PAUSE_SECONDS = 1.0  # after the first failure, then twice as long each time
MAX_PAUSE = 300.0
MAX_PAGES = 1_000_000  # of one list
MAX_REPLY = 64 * 1024 * 1024  # octets of an answer that are read
_AGAIN = frozenset((429, 500, 502, 503, 504))


class Failed(Exception):
    """A call that was refused, or never answered."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what}: {status or 'no answer'} {text}".strip())
        self.status = status
        self.text = text


class Account:
    """The API at `base_url` with a key: `async with Account(url, key) as account`.

    `rate` is how many calls a second it makes at most.
    """

    def __init__(self, base_url: str, key: str, rate: float = 10.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": basic(key)}
        self._gap = 1 / rate
        self._next = 0.0
        self._client: aiohttp.ClientSession | None = None
        self.calls = 0
        self.waited = 0.0  # seconds, because we were told to

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON at a path. Raises Failed."""
        return await self.call("GET", path, params=query)

    async def call(self, method: str, path: str, **more: Any) -> Any:
        """The JSON of one call, repeated while the other side is busy. Raises Failed."""
        assert self._client is not None
        what = f"{method} {path}"
        pause = PAUSE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            await self._turn()
            self.calls += 1
            asked = None
            try:
                # No redirects: they would take the key along.
                async with self._client.request(
                    method, self.base_url + path, allow_redirects=False, **more
                ) as answer:
                    body = await whole(answer)
                    if answer.status < 300:
                        return _json(what, answer.status, body)
                    no = Failed(what, answer.status, _text(body))
                    asked = answer.headers.get("Retry-After")
            except (aiohttp.ClientError, TimeoutError) as lost:
                no = Failed(what, 0, str(lost) or "it took too long")
            if attempt == ATTEMPTS or (no.status and no.status not in _AGAIN):
                raise no
            wait = min(_seconds(asked) or pause * random.uniform(0.8, 1.2), MAX_PAUSE)  # noqa: S311
            self.waited += wait
            await asyncio.sleep(wait)
            pause *= 2
        raise AssertionError("unreachable")

    async def pages(
        self, path: str, query: Mapping[str, Any], first: str = ""
    ) -> AsyncIterator[tuple[list[Any], str]]:
        """The pages of a list with `paging`, and where the next one begins; from `first` on. Raises Failed."""
        found = await self.get(first or path, None if first else query)
        for _ in range(MAX_PAGES):
            items = found.get("items") or found.get("template", {}).get("versions") or []
            if not items:
                return
            following = _path((found.get("paging") or {}).get("next") or "")
            yield items, following
            if not following:
                return
            found = await self.get(following)

    async def offsets(self, path: str, name: str = "items", limit: int = 100) -> AsyncIterator[Any]:
        """The items of a list that is read by `skip` and `limit`. Raises Failed."""
        skip = 0
        for _ in range(MAX_PAGES):
            items = (await self.get(path, {"limit": limit, "skip": skip})).get(name) or []
            for item in items:
                yield item
            skip += len(items)
            if len(items) < limit:
                return

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        at = max(self._next, loop.time())
        self._next = at + self._gap
        await asyncio.sleep(at - loop.time())

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        self._client = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()


async def whole(answer: aiohttp.ClientResponse) -> bytes:
    """The body of an answer. Raises ClientPayloadError when there is more of it than a server of this API sends."""
    parts, size = [], 0
    async for part in answer.content.iter_chunked(64 * 1024):
        parts.append(part)
        size += len(part)
        if size > MAX_REPLY:
            raise aiohttp.ClientPayloadError("the answer is too large")
    return b"".join(parts)


def basic(key: str) -> str:
    """The Authorization header of a key."""
    return "Basic " + base64.b64encode(f"api:{key}".encode()).decode()


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="@")


def _path(url: str) -> str:
    """The path and query of a link: it is followed on the account's own host, whatever host it names."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "") if url else ""


def _json(what: str, status: int, body: bytes) -> Any:
    if not body:
        return {}
    try:
        return json.loads(body)
    except ValueError as wrong:
        raise Failed(what, status, "the answer is no JSON; is this the URL of an API?") from wrong


def _text(body: bytes) -> str:
    """What an error says."""
    try:
        found = json.loads(body)
    except ValueError:
        return body[:300].decode("utf-8", "replace").strip()
    if not isinstance(found, dict):
        return str(found)[:300]
    said = next(
        (found[name] for name in ("message", "error", "Description", "Reason") if name in found), found
    )
    return str(said)[:300]


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
