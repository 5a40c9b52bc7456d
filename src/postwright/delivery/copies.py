"""Building and signing copies beside the event loop."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from postwright.messages import build

# RSA gives the interpreter lock back, so that signing runs beside the event loop.
THREADS = 2


class Copies:
    """Makes copies in threads that take one after another as long as there are any.

    An executor wakes a thread for each call, which costs more than all that is not RSA of a signature; a thread
    that is awake takes the next for nothing.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "sign")
        self._waiting: deque[tuple[asyncio.Future[build.Common], tuple[Any, ...]]] = deque()
        self._awake = 0

    def make(self, *args: Any) -> "asyncio.Future[build.Common]":
        """`build.common(*args)`, as soon as a thread has time."""
        loop = asyncio.get_running_loop()
        made: asyncio.Future[build.Common] = loop.create_future()
        self._waiting.append((made, args))
        self._wake(loop)
        return made

    def close(self) -> None:
        """Make no more."""
        self._waiting.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._awake < THREADS and self._waiting:
            self._awake += 1
            self._threads.submit(self._work, loop)

    def _asleep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._awake -= 1
        self._wake(loop)  # for what came after the thread had looked

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while True:
                try:
                    made, args = self._waiting.popleft()
                except IndexError:
                    break
                try:
                    found: build.Common | Exception = build.common(*args)
                except Exception as wrong:
                    found = wrong
                loop.call_soon_threadsafe(_tell, made, found)
            loop.call_soon_threadsafe(self._asleep, loop)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more


def _tell(made: "asyncio.Future[build.Common]", found: build.Common | Exception) -> None:
    if made.done():
        return
    if isinstance(found, Exception):
        made.set_exception(found)
    else:
        made.set_result(found)
