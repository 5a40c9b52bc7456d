"""Starts the roles as processes of one group, keeps them running, and stops them together.

Listening sockets are bound here, before any process starts, so that a port in use is an error at once and several
processes can share one. Roles are forked: the program's modules, seconds of work to import, are imported once and
their memory is shared. So this process has one thread and no open store when it forks.
"""

import ctypes
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from typing import Any

import msgspec

from postwright.delivery import load_shaping
from postwright.failures import classifier
from postwright.kernel.settings import Settings

from . import role as program
from .errors import StartFailed
from .roles import KINDS, ROLES, chosen

log = logging.getLogger("postwright.supervisor")

GRACE_SECONDS = 30.0  # to finish what is in flight after SIGTERM
RESTART_SECONDS = 1.0
# Settings that take a restart: what is bound, opened or started before there are processes.
FIXED = (
    "data",
    "database",
    "key_file",
    "roles",
    "http",
    "https",
    "submission",
    "submission_tls",
    "mx",
    "delivery",
    "http_processes",
    "delivery_processes",
    "failpoints",
)
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # prctl(2)


class Supervisor:
    """The processes of one installation on this machine. `own`: descriptors that they must not hold.

    Raises StartFailed when the settings name a role that does not exist.
    """

    def __init__(
        self, settings: Settings, own: Iterable[int] = (), again: Callable[[], Settings] | None = None
    ) -> None:
        self._settings = settings
        self.roles = chosen(settings.roles)
        self._own = tuple(own)
        self._sockets: dict[str, list[socket.socket]] = {}
        self._children: dict[str, ForkProcess] = {}
        self._ready: dict[str, int] = {}  # pipes on which starting processes say that they are ready
        self._stopping = False
        self._again = again
        self._reloading = False

    def bind(self) -> None:
        """Bind every listening socket. Raises StartFailed."""
        listeners = {
            "api": ("http", "https"),
            "tracking": ("http", "https"),
            "submission": ("submission", "submission_tls"),
            "mx": ("mx",),
        }
        for role in ROLES:
            for name in listeners.get(role, ()) if role in self.roles else ():
                if name not in self._sockets:
                    self._sockets[name] = [self._listen(at, name) for at in self._settings.listen(name)]
        if self._settings.capture and self.roles & {"submission", "mx", "delivery"}:
            self._sockets["capture"] = [self._listen(("127.0.0.1", 0), "capture")]
            self._announce_capture()

    @property
    def kinds(self) -> list[str]:
        """The kinds of processes that the roles need."""
        needed = {ROLES[role] for role in self.roles} | ({"smtp"} if "capture" in self._sockets else set())
        return [kind for kind in KINDS if kind in needed]

    def address(self, name: str) -> tuple[str, int]:
        """Where the first socket of `name` really listens."""
        host, port = self._sockets[name][0].getsockname()[:2]
        return host, port

    def start(self) -> None:
        """Start every process and wait until all are ready. Raises StartFailed."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        if not os.isatty(0):  # at a terminal it says that the terminal is gone
            signal.signal(signal.SIGHUP, self._reload)
        # What is imported by now stays for ever: a collector that never looks at it leaves its pages shared.
        gc.collect()
        gc.freeze()
        counts = {"http": self._settings.http_processes, "delivery": self._settings.delivery_processes}
        for kind in self.kinds:
            for number in range(1, counts.get(kind, 1) + 1):
                self._spawn(kind, f"{kind}-{number}")
        for name in self._children:
            self._wait_ready(name)

    def run(self) -> int:
        """Restart what dies, until SIGTERM or SIGINT; then stop everything. The exit status."""
        while not self._stopping:
            for name, child in list(self._children.items()):
                status = child.exitcode
                if status is not None and not self._stopping:
                    log.error("process ended; starting it again", extra={"child": name, "status": status})
                    time.sleep(RESTART_SECONDS)
                    try:
                        self._spawn(name.partition("-")[0], name)
                        self._wait_ready(name)
                    except StartFailed as failed:
                        log.error("restart failed", extra={"child": name, "reason": str(failed)})
            if self._reloading:
                self._reloading = False
                self._replace()
            time.sleep(0.2)
        return self.stop()

    def _replace(self) -> None:
        """Read the settings again, and start every process anew with them, one after the other.

        Listening sockets stay open: who connects meanwhile waits for a moment.
        """
        try:
            wanted = self._again() if self._again else self._settings
            # What processes do at their start, before any of them is stopped.
            load_shaping(wanted.shaping)
            classifier.cache_clear()
            classifier(wanted.failure_rules)
        except (ValueError, OSError) as wrong:  # SettingsError is a ValueError
            log.error("the new settings cannot be used; the old ones stay", extra={"reason": str(wrong)})
            return
        kept = {
            name: getattr(self._settings, name)
            for name in FIXED
            if getattr(wanted, name) != getattr(self._settings, name)
        }
        if kept:
            log.warning("settings that need a restart stay as they are", extra={"settings": ", ".join(kept)})
        self._settings = msgspec.structs.replace(wanted, **kept)
        for name, child in list(self._children.items()):
            if self._stopping:
                return
            child.terminate()
            self._join(name, child, time.monotonic() + GRACE_SECONDS)
            try:
                self._spawn(name.partition("-")[0], name)
                self._wait_ready(name)
            except StartFailed as failed:
                log.error("restart failed", extra={"child": name, "reason": str(failed)})
        log.info("settings read again", extra={"processes": len(self._children)})

    def stop(self) -> int:
        """Stop everything: politely, then not."""
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for name, child in self._children.items():
            self._join(name, child, deadline)
        return 0

    def _join(self, name: str, child: ForkProcess, deadline: float) -> None:
        child.join(max(0.0, deadline - time.monotonic()))
        if child.exitcode is None:
            log.error("process did not stop in time", extra={"child": name})
            child.kill()
            child.join()

    def _stop(self, *_: Any) -> None:
        self._stopping = True

    def _reload(self, *_: Any) -> None:
        self._reloading = True

    def _listen(self, address: tuple[str, int], what: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
        except OSError as wrong:
            sock.close()
            raise StartFailed(
                f"cannot listen on {address[0]}:{address[1]} ({wrong.strerror}): is another Postwright running? "
                f"Set POSTWRIGHT_{what.upper()}=host:port to use another address"
            ) from wrong
        sock.listen(1024)
        sock.setblocking(False)
        return sock

    def _announce_capture(self) -> None:
        """Tell delivery where the inbox listens; a file, so that it also holds after a restart of either."""
        path = self._settings.data_dir / "capture.port"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(str(self.address("capture")[1]))
        temporary.rename(path)

    def _spawn(self, kind: str, name: str) -> None:
        names = {"http": ["http", "https"], "smtp": ["submission", "submission_tls", "mx", "capture"]}.get(
            kind, []
        )
        sockets = {key: self._sockets.get(key, []) for key in names}
        ready_read, ready_write = os.pipe()
        child = get_context("fork").Process(
            target=self._work, args=(kind, name, sockets, ready_write, os.getpid()), name=name
        )
        child.start()
        os.close(ready_write)
        self._children[name] = child
        self._ready[name] = ready_read

    def _wait_ready(self, name: str) -> None:
        child = self._children[name]
        with os.fdopen(self._ready.pop(name), "rb") as pipe:
            if pipe.read(1) != b"1":  # the end of the pipe: the process died before it was ready
                child.join()
                raise StartFailed(f"{name} did not start (status {child.exitcode}); its log above says why")

    def _work(self, kind: str, name: str, sockets: program.Sockets, ready: int, parent: int) -> None:
        """In the new process: become it."""
        _become(name, parent)
        for key, others in self._sockets.items():
            if key not in sockets:
                for sock in others:
                    sock.close()
        for descriptor in (*self._own, *self._ready.values()):
            os.close(descriptor)
        program.run(program.Task(kind, name, self._settings, sockets, ready))


def _become(name: str, parent: int) -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_NAME, name.encode()[:15])  # what ps and top show
    # A supervisor that is killed must not leave processes that hold the ports and the queue.
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
