"""Names for things: random, time-ordered and message identifiers."""

import base64
import os
import secrets
import threading
import time


def hex_id() -> str:
    """24 lowercase hex digits, the first 8 of them the second of creation: keeps index inserts local."""
    return f"{int(time.time()) & 0xFFFFFFFF:08x}{os.urandom(8).hex()}"


def event_id() -> str:
    """22 characters of base64url (128 random bits), the shape of event ids on the wire."""
    return base64.urlsafe_b64encode(os.urandom(16))[:22].decode()


def key_id() -> str:
    """`<8 hex>-<8 hex>`, the public name of an API key."""
    return f"{secrets.token_hex(4)}-{secrets.token_hex(4)}"


def url_token(size: int = 24) -> str:
    """An unguessable URL-safe name of `size` random bytes."""
    return secrets.token_urlsafe(size)


class Sequence:
    """63-bit row keys made without asking the database: 41 bits of milliseconds, 12 of node, 10 of count.

    Unique while node numbers are (each process leases its own from the store), and in time order, so that
    new rows go to the end of an index. 41 bits of milliseconds last until 2039.
    """

    def __init__(self, node: int) -> None:
        if not 0 <= node < 4096:
            raise ValueError("a node number has 12 bits")
        self._node = node << 10
        self._last = 0
        self._count = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """A number larger than any this sequence gave before."""
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now <= self._last:
                # The clock stood still or went back: count on within the last millisecond we used.
                self._count += 1
                if self._count == 1024:
                    self._last += 1
                    self._count = 0
            else:
                self._last, self._count = now, 0
            return (self._last << 22) | self._node | self._count
