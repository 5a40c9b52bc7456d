"""The program of one role's process: reads its task from standard input, works until SIGTERM."""

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable

import msgspec
import uvloop

from postwright.kernel import logs, metrics
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


def main() -> None:
    """Run the role that the supervisor names."""
    task = json.loads(sys.stdin.buffer.read())
    settings = msgspec.convert(task["settings"], Settings)
    logs.set_up(settings.log_level)
    # Ctrl-C reaches the whole group; the supervisor decides when its processes stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sockets = {name: [socket.socket(fileno=fd) for fd in fds] for name, fds in task["sockets"].items()}
    context = open_context(settings, task["role"])
    metrics.open_file(settings.data_dir / "metrics", task["name"])
    # What start-up made stays for ever: the collector need not look at it each time. And a message makes some
    # hundred objects that die without it, so that the default of 700 means a look for every few messages.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(_run(task["role"], context, sockets, task["ready"]))


async def _run(role: str, context: Context, sockets: Sockets, ready_fd: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def ready() -> None:
        os.write(ready_fd, b"1")
        os.close(ready_fd)

    try:
        async with Pulse(context, role):
            await _RUNNERS[role](context, sockets, stop, ready)
    finally:
        await context.db.close()


if __name__ == "__main__":
    main()
