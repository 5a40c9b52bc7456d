"""A cache whose answers are never older than a given time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

LIFE = 1.0  # seconds: what is revoked in one process stops in all others within this time
SIZE = 10_000  # entries: about the keys that are in use at once in one process, at some 500 bytes each


class Fresh(Generic[K, V]):
    """Values by key, read through `load` and kept for `life` seconds from the moment the reading *began*.

    Callers that miss at the same time share one reading. None (there is no such thing) is never kept, so that
    a new key works at once. For one event loop; holds at most `size` values.
    """

    def __init__(
        self,
        load: Callable[[K], Awaitable[V | None]],
        life: float = LIFE,
        size: int = SIZE,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._life = life
        self._size = size
        self._timer = timer
        self._held: dict[K, tuple[float, V]] = {}
        self._loading: dict[K, tuple[float, asyncio.Future[V | None]]] = {}

    async def get(self, key: K) -> V | None:
        """The value of `key`, at most `life` seconds old."""
        now = self._timer()
        held = self._held.get(key)
        if held is not None and now - held[0] < self._life:
            return held[1]
        loading = self._loading.get(key)
        if loading is None or now - loading[0] >= self._life:
            loading = self._loading[key] = (now, asyncio.ensure_future(self._read(key, now)))
        # Shielded: a caller that goes away must not take the answer from the others.
        return await asyncio.shield(loading[1])

    def clear(self) -> None:
        """Forget everything, also what is being read right now."""
        self._held.clear()
        self._loading.clear()

    async def _read(self, key: K, began: float) -> V | None:
        me = asyncio.current_task()
        try:
            value = await self._load(key)
            # Not ours any more when `clear` or a later reading came in between: then this answer may be old.
            if self._is_reading(key, me):
                self._held.pop(key, None)
                if value is not None:
                    self._keep(key, began, value)
            return value
        finally:
            if self._is_reading(key, me):
                del self._loading[key]

    def _is_reading(self, key: K, task: object) -> bool:
        return key in self._loading and self._loading[key][1] is task

    def _keep(self, key: K, began: float, value: V) -> None:
        if len(self._held) >= self._size:
            del self._held[next(iter(self._held))]  # the one that was read longest ago
        self._held[key] = (began, value)
