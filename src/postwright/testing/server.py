"""A whole Postwright in processes of its own, as its users start it.

Its modules, seconds of work to import, are imported once for all servers of a test run: each is forked from a process
that has them. Give `command` to start one from nothing.
"""

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing import current_process, get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from .ports import free_ports
from .processes import group_members

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_POLL = 0.02
_LOG_TAIL = 20_000
_PROGRAM = "postwright.apps.cli"
_RUNS = b"Postwright is running."


class ServerError(RuntimeError):
    """The program did not start or did not end; the text has the end of its log."""


class _Forked:
    """A server's supervisor, forked; with the part of `asyncio.subprocess.Process` that is used here."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    async def wait(self) -> int:
        while (code := self._process.exitcode) is None:  # noqa: ASYNC110 - it tells nobody of its end
            await asyncio.sleep(_POLL)
        return code


class Server:
    """`postwright serve` on free ports, with its data in `folder`: `async with Server(tmp_path) as server`.

    `settings` are names without the prefix (`domain="example.com"`); the environment's own POSTWRIGHT_* are
    not passed on. `command` replaces `postwright serve`, to start it through a wrapper. Ports, data and key stay
    the same over `kill`, `terminate`, `start` and `restart`.
    """

    def __init__(self, folder: Path, command: Sequence[str] = (), **settings: str) -> None:
        http, submission, mx = free_ports(3)
        self.folder = folder
        self._command = command
        self.api_key = settings.get("api_key", secrets.token_hex(16))
        self.smtp = ("127.0.0.1", submission)
        self.mx = ("127.0.0.1", mx)
        self.log = folder / "server.log"
        self.settings = {
            "data": str(folder / "data"),
            "http": f"127.0.0.1:{http}",
            "submission": f"127.0.0.1:{submission}",
            "mx": f"127.0.0.1:{mx}",
            "api_key": self.api_key,
        } | settings
        self.base_url = f"http://{self.settings['http']}"
        self._process: asyncio.subprocess.Process | _Forked | None = None
        self._logged = 0  # octets of the log before this start

    async def start(self) -> None:
        """Start it and return when its health page answers 200, or, without HTTP, when it says that it runs.

        Raises ServerError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._logged = self.log.stat().st_size if self.log.exists() else 0
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("POSTWRIGHT_")}
        ours = {f"POSTWRIGHT_{name.upper()}": value for name, value in self.settings.items()}
        if self._command:
            with self.log.open("ab") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    cwd=self.folder,
                    env=inherited | ours,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # a process group of its own, to be killed as a whole
                )
        else:
            self._process = await asyncio.to_thread(_fork, self.folder, inherited | ours, self.log)
        try:
            await self._ready()
        except BaseException:
            await self.kill()
            raise

    async def _ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as client:
            while True:
                if await (self._answers(client) if self._has_http else self._told()):
                    return
                if self._process is None or self._process.returncode is not None:
                    raise ServerError(f"postwright serve ended while starting:\n{self.log_tail()}")
                if time.monotonic() > deadline:
                    raise ServerError(f"not ready after {START_SECONDS:.0f} s:\n{self.log_tail()}")
                await asyncio.sleep(_POLL)

    @property
    def _has_http(self) -> bool:
        roles = {role.strip() for role in self.settings.get("roles", "http").split(",")}
        return bool(roles & {"http", "api", "tracking"})

    async def _answers(self, client: aiohttp.ClientSession) -> bool:
        try:
            async with client.get(f"{self.base_url}/postwright/health") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False  # not listening yet

    async def _told(self) -> bool:
        return self.log.exists() and _RUNS in self.log.read_bytes()[self._logged :]

    def pids(self) -> list[int]:
        """Its living processes, the supervisor first."""
        return [] if self._process is None else group_members(self._process.pid)

    async def kill(self) -> None:
        """End every process at once with SIGKILL, as a power cut would; returns when they are gone."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """Ask it to end with SIGTERM; gives the exit code. Raises ServerError when it does not."""
        if self._process is None:
            raise ServerError("the server has not been started")
        process = self._process
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                code = await process.wait()
                while group_members(process.pid):  # noqa: ASYNC110 - nothing tells of the end of a grandchild
                    await asyncio.sleep(_POLL)
        except TimeoutError as late:
            await self.kill()
            raise ServerError(
                f"still running {STOP_SECONDS:.0f} s after SIGTERM:\n{self.log_tail()}"
            ) from late
        self._process = None
        return code

    async def restart(self) -> None:
        """Kill it and start it again on the same data."""
        await self.kill()
        await self.start()

    def log_tail(self) -> str:
        """The end of what it printed."""
        return self.log.read_bytes()[-_LOG_TAIL:].decode(errors="replace") if self.log.exists() else ""

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        while group_members(process.pid):
            try:
                os.killpg(process.pid, how)
            except ProcessLookupError:
                break
            await asyncio.sleep(_POLL)
        await process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()


def _fork(folder: Path, environment: Mapping[str, str], log: Path) -> _Forked:
    context = get_context("forkserver")
    context.set_forkserver_preload([_PROGRAM])
    # A daemon, so that the end of a test run does not wait for a server that a broken test left running.
    process = context.Process(target=_serve, args=(folder, dict(environment), log), daemon=True)
    process.start()
    return _Forked(process)


def _serve(folder: Path, environment: dict[str, str], log: Path) -> None:
    """In the new process: be `postwright serve`."""
    os.setsid()  # a process group of its own, to be killed as a whole
    current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # it has children of its own
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # as when it is started by a supervisor: there is no terminal
    os.close(nothing)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    sys.exit(import_module(_PROGRAM).main(["serve"]))
