"""Shadow mode: a proxy that answers from us and compares with theirs.

Only what reads is asked of both: a send that went to both would reach people twice. Differences go into a file of
lines, and no key or content of an answer with them: status, and the shape of the JSON.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from .client import basic, whole

MAX_BODY = 64 * 1024 * 1024
TIMEOUT_SECONDS = 60.0
MAX_COMPARING = 50  # comparisons at a time; what is more is not compared, and counted
_DROPPED = frozenset(
    ("host", "content-length", "connection", "transfer-encoding", "accept-encoding", "authorization")
)
_READS = frozenset(("GET", "HEAD"))
# Post, and read all the same.
_QUERIES = (
    "/v1/analytics/metrics",
    "/v1/analytics/logs",
    "/v1/analytics/tags",
    "/v2/bounce-classification/metrics",
)
MAX_DEPTH = 12


class Shadow:
    """The proxy. `ours` and `theirs` are base URLs; requests carry our key, theirs get `their_key`."""

    def __init__(self, *, ours: str, theirs: str, their_key: str, report: Path) -> None:
        self._ours = ours.rstrip("/")
        self._theirs = theirs.rstrip("/")
        self._login = basic(their_key)
        self._report = report
        self._comparing: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession | None = None
        self.compared = self.different = self.skipped = 0

    async def serve(
        self, host: str, port: int, stop: asyncio.Event, ready: asyncio.Event | None = None
    ) -> None:
        """Listen until `stop`; comparisons under way are finished."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=True) as self._client:
            await runner.setup()
            site = web.TCPSite(runner, host, port)
            await site.start()
            if ready is not None:
                ready.set()
            await stop.wait()
            await runner.cleanup()
            await asyncio.gather(*self._comparing)

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
        login = request.headers.get("Authorization")
        try:
            status, shown, answer = await self._ask(
                self._ours, request, body, headers | ({"Authorization": login} if login else {})
            )
        except (aiohttp.ClientError, TimeoutError) as lost:
            return web.json_response({"message": f"our server does not answer: {lost}"}, status=502)
        if status not in (401, 403) and (request.method in _READS or request.path in _QUERIES):
            self._compare_later(request, body, headers, status, answer)
        kept = {"Content-Type": shown["Content-Type"]} if "Content-Type" in shown else {}
        kept |= {name: shown[name] for name in shown if name.lower().startswith(("x-", "retry-after"))}
        return web.Response(status=status, body=answer, headers=kept)

    def _compare_later(
        self, request: web.Request, body: bytes, headers: dict[str, str], status: int, answer: bytes
    ) -> None:
        if len(self._comparing) >= MAX_COMPARING:
            self.skipped += 1
            return
        task = asyncio.create_task(self._compare(request, body, headers, status, answer))
        self._comparing.add(task)
        task.add_done_callback(self._comparing.discard)

    async def _compare(
        self, request: web.Request, body: bytes, headers: dict[str, str], status: int, answer: bytes
    ) -> None:
        try:
            theirs, _, said = await self._ask(
                self._theirs, request, body, headers | {"Authorization": self._login}
            )
            found = differences(_parsed(answer), _parsed(said))
            if theirs != status:
                found.insert(0, f"status: ours {status}, theirs {theirs}")
        except (aiohttp.ClientError, TimeoutError) as lost:
            found = [f"theirs does not answer: {lost}"]
        self.compared += 1
        if found:
            self.different += 1
            line = {
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "method": request.method,
                "path": request.path,
                "differences": found[:100],
            }
            await asyncio.to_thread(_append, self._report, line)

    async def _ask(
        self, base: str, request: web.Request, body: bytes, headers: dict[str, str]
    ) -> tuple[int, Any, bytes]:
        assert self._client is not None
        async with self._client.request(
            request.method, base + request.raw_path, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers, await whole(answer)


def differences(ours: Any, theirs: Any, at: str = "$", depth: int = 0) -> list[str]:
    """How the shape of our answer differs from theirs: members that one has alone, and other types.

    Of lists the first items are compared, and more members than theirs are no difference where they have none at all.
    """
    if depth > MAX_DEPTH:
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = [f"{at}.{name}: theirs alone ({_kind(theirs[name])})" for name in theirs if name not in ours]
        found += [f"{at}.{name}: ours alone ({_kind(ours[name])})" for name in ours if name not in theirs]
        for name in ours:
            if name in theirs:
                found += differences(ours[name], theirs[name], f"{at}.{name}", depth + 1)
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        return differences(ours[0], theirs[0], f"{at}[0]", depth + 1) if ours and theirs else []
    if _kind(ours) != _kind(theirs):
        return [f"{at}: ours {_kind(ours)}, theirs {_kind(theirs)}"]
    return []


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "text", list: "array", dict: "object"}
    return names[type(value)]


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body[:1].decode("latin-1")  # text: the same kind whatever it says


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
