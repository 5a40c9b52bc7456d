"""Filling templates in a process of their own (`worker.py`), which a hostile template may break and nobody misses.

One process renders one text at a time. A thread talks to it, so that the event loop never waits. Both are made at the
first rendering: a process that never renders does not pay for them (about 70 MB).
"""

import asyncio
import hashlib
import json
import logging
import os
import select
import struct
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from .errors import CannotRender, RenderFailed

log = logging.getLogger("postwright.templates")

OUTPUT_LIMIT = 2 * 1024 * 1024  # characters of one text
CACHED = 200  # compiled texts
MAX_WAITING = 200  # renderings in line; a process does some thousand a second
# For an answer, start included. The worker's own limits end everything long before, unless V8 itself is stuck.
PATIENCE_SECONDS = 20.0
_FOLDER = Path(__file__).parent


class Job(msgspec.Struct, frozen=True):
    """One text to fill. `data` is a JSON object as text; `escape`: for HTML."""

    source: str
    data: str
    escape: bool = True


class Renderer:
    """One worker process and the thread that talks to it."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "templates")
        self._worker: _Worker | None = None
        self._waiting = 0

    async def render(self, jobs: Sequence[Job]) -> list[str]:
        """The filled texts. Raises RenderFailed, CannotRender."""
        if self._waiting >= MAX_WAITING:
            raise CannotRender
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._all, jobs)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the worker and the thread."""
        self._thread.submit(self._drop).result()
        self._thread.shutdown()

    def _all(self, jobs: Sequence[Job]) -> list[str]:
        # What has no braces has nothing to fill.
        return [self._one(job) if "{{" in job.source else _bounded(job.source) for job in jobs]

    def _one(self, job: Job) -> str:
        worker = self._ready()
        try:
            answer = worker.ask(job)
        except (EOFError, OSError) as broken:
            self._drop()
            log.warning("a template broke its worker", extra={"reason": str(broken)})
            raise RenderFailed("it breaks the template engine") from broken
        if "last" in answer:
            self._drop()
        output = answer.get("output")
        if isinstance(output, str):
            return output
        raise RenderFailed(str(answer.get("error"))[:500])

    def _ready(self) -> "_Worker":
        """A worker that runs."""
        if self._worker is not None and not self._worker.ended:
            return self._worker
        self._drop()
        if not (self._folder / "handlebars.min.js").exists():
            log.error("handlebars.min.js is not installed: run tools/setup.sh")
            raise CannotRender("Templates cannot be rendered: handlebars is not installed")
        try:
            self._worker = _Worker(self._folder / "worker.py")
            self._worker.wait()
        except (EOFError, OSError) as wrong:
            log.exception("the template engine does not start")
            self._drop()
            raise CannotRender from wrong
        return self._worker

    def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()


class _Worker:
    """A process of `worker.py`."""

    def __init__(self, program: Path) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        # Without our environment and settings: there are secrets in them. -I: and without the current folder.
        self._process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-I", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def wait(self) -> None:
        """Wait until it is ready. Raises EOFError, OSError when it does not start."""
        self._answer()

    def ask(self, job: Job) -> dict[str, Any]:
        """The answer to a job. Raises EOFError, OSError when the process breaks or says nothing."""
        key = hashlib.sha256(f"{int(job.escape)}{job.source}".encode()).hexdigest()
        known = key in self._known
        self._known[key] = None
        self._known.move_to_end(key)
        forget = [self._known.popitem(last=False)[0]] if len(self._known) > CACHED else []
        source = None if known else job.source
        data = json.dumps([key, source, job.escape, forget, job.data]).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack(">I", len(data)) + data)
        self._process.stdin.flush()
        return self._answer()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # what was not sent yet

    def _answer(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        (size,) = struct.unpack(">I", self._read(4, deadline))
        answer: dict[str, Any] = json.loads(self._read(size, deadline))
        return answer

    def _read(self, count: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        found = b""
        while len(found) < count:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("no answer")
            part = os.read(pipe, count - len(found))
            if not part:
                raise EOFError("the worker ended")
            found += part
        return found


def _bounded(text: str) -> str:
    if len(text) > OUTPUT_LIMIT:
        raise RenderFailed("the result is too large")
    return text


@cache
def renderer() -> Renderer:
    """The process's own renderer."""
    return Renderer()
