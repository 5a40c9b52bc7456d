"""The program of one process: works until SIGTERM."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import uvloop

from postwright import __version__
from postwright.kernel import logs, metrics, tracing
from postwright.kernel.settings import Settings

from . import delivery, http, projector, smtp
from .context import Context, open_context
from .pulse import Pulse

GC_THRESHOLDS = (20_000, 20, 20)

Sockets = dict[str, list[socket.socket]]
Runner = Callable[[Context, Sockets, asyncio.Event, Callable[[], None]], Awaitable[None]]

_RUNNERS: dict[str, Runner] = {
    "http": http.run,
    "smtp": smtp.run,
    "delivery": delivery.run,
    "projector": projector.run,
}


@dataclass(frozen=True)
class Task:
    """What a process has to do."""

    kind: str  # of roles.KINDS
    name: str  # among all processes of the installation on this machine, the same after a restart
    settings: Settings
    sockets: Sockets  # listening, by the name of their setting
    ready: int  # a pipe on which it says that it is ready


def run(task: Task) -> None:
    """Do it until SIGTERM."""
    settings = task.settings
    logs.set_up(settings.log_level)
    # Ctrl-C reaches the whole group; the supervisor decides when its processes stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    context = open_context(settings, task.kind)
    metrics.open_file(settings.data_dir / "metrics", task.name)
    # What start-up made stays for ever: the collector need not look at it each time. And a message makes some
    # hundred objects that die without it, so that the default of 700 means a look for every few messages.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    if settings.otel:
        tracing.start(settings.otel, task.kind, __version__)
    try:
        uvloop.run(_run(task, context))
    finally:
        tracing.stop()


async def _run(task: Task, context: Context) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def ready() -> None:
        os.write(task.ready, b"1")
        os.close(task.ready)

    try:
        async with Pulse(context, task.kind):
            await _RUNNERS[task.kind](context, task.sockets, stop, ready)
    finally:
        await context.db.close()
