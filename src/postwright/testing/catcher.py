"""A receiver of webhooks: answers as it is told and keeps what it got."""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True)
class Caught:
    """One request: its exact body, its headers by lower-case name (the last one when a name repeats)."""

    method: str
    path: str  # with the query string, as it was sent
    headers: dict[str, str]
    body: bytes
    at: float  # time.monotonic() when the whole body was there

    @property
    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What a request gets, `delay` seconds after it came; `drop` closes the connection without a reply."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False


Reply = int | Answer
Script = Reply | Sequence[Reply] | Callable[[Caught], Reply]


class Catcher:
    """An HTTP server on a free port: `async with Catcher([500, 200]) as catcher`.

    `script` says what to answer: one reply for all; a sequence, of which the last repeats; or a function of
    the request. It may be replaced at any time. `caught` lists the requests in the order they were complete.
    """

    def __init__(
        self, script: Script = 200, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.caught: list[Caught] = []
        self.host = host
        self.port = 0
        self._tls = tls
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.script = script

    @property
    def script(self) -> Script:
        """What requests get from now on."""
        return self._script

    @script.setter
    def script(self, script: Script) -> None:
        self._script = script
        self._step = 0

    def url(self, path: str = "/") -> str:
        """The address of `path` on this server."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}{path}"

    async def wait(self, count: int = 1, timeout: float = 10.0) -> list[Caught]:
        """The first `count` requests, once there are so many. Raises TimeoutError saying how many came."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: len(self.caught) >= count)
        except TimeoutError as late:
            raise TimeoutError(f"{len(self.caught)} of {count} requests came in {timeout} s") from late
        return self.caught[:count]

    async def start(self) -> None:
        """Begin to listen. Raises OSError."""
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_route("*", "/{rest:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        # Port 0 again after a stop would be another port: keep the one that callers were given.
        await web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; `start` listens on the same port again."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        caught = Caught(
            request.method,
            request.raw_path,
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
            time.monotonic(),
        )
        reply = self._next(caught)
        answer = Answer(reply) if isinstance(reply, int) else reply
        async with self._changed:
            self.caught.append(caught)
            self._changed.notify_all()
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.drop and request.transport is not None:
            request.transport.abort()
        headers = {"Content-Type": "application/json"} | answer.headers
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def _next(self, caught: Caught) -> Reply:
        script = self._script
        if callable(script):
            return script(caught)
        if isinstance(script, int | Answer):
            return script
        reply = script[min(self._step, len(script) - 1)]
        self._step += 1
        return reply
