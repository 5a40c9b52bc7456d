"""The server's connection class: uvicorn's, with the bounds it lacks on the head of a request.

Give it to uvicorn as `http=BoundedProtocol`. Bodies are bounded by `body.py`, waiting between requests by
uvicorn's `timeout_keep_alive`.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 65_536  # bytes of request line and headers; common proxies allow 8 to 32 KB
HEAD_SECONDS = 30.0  # from the first byte, or the connection, to the end of the head


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends when a head is too long (400) or too slow (closed without a word).

    The read in which a head begins is not counted, so what is kept may be longer by one read (256 KB).
    """

    _timer: asyncio.TimerHandle | None = None
    _begun = 0  # requests begun on this connection
    _in_head = False
    _head = 0  # bytes

    def connection_made(self, transport: Any) -> None:
        """Expect a first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._begun += 1
        self._in_head = True
        self._head = 0
        self._start_timer()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Count what comes while a head goes on."""
        begun = self._begun
        super().data_received(data)
        if self._in_head and self._begun == begun:
            self._head += len(data)
            if self._head > HEAD_LIMIT and not self.transport.is_closing():
                self.send_400_response("Request head is too large.")

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
