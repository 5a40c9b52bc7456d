"""The base of everything that reads the log: a saved cursor that moves in the transaction of its effects."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from postwright.kernel.db import Db, Read, Write

from . import store
from .log import Entry, head, read

BATCH = 500  # events a transaction; a batch of that size was not all there is


class Projection(ABC):
    """A reader of the event log.

    `apply` and the cursor's move are one transaction: each event has its effect exactly once, whatever dies.
    A new projection starts at the end of the log unless `replay` is set, which starts it at the beginning; where
    that is gets decided by `begin`, before anything can be appended that it should see.
    """

    name: ClassVar[str]
    replay: ClassVar[bool] = False

    @abstractmethod
    def apply(self, tx: Write, entries: Sequence[Entry]) -> None:
        """Take in the next events."""

    async def catch_up(self, db: Db) -> int:
        """Read one batch; how many events it held (0: nothing new)."""
        at, entries = await db.read(self._next)
        if at is None:
            await db.write(self.begin)
            return 0
        if entries:
            await db.write(self._advance, at, entries)
        return len(entries)

    def _next(self, tx: Read) -> tuple[int | None, list[Entry]]:
        at = store.cursor(tx, self.name)
        return at, ([] if at is None else read(tx, at, BATCH))

    def begin(self, tx: Write) -> None:
        """Save where to start, once; again it does nothing."""
        if store.cursor(tx, self.name) is None:
            store.move_cursor(tx, self.name, 0 if self.replay else head(tx))

    def _advance(self, tx: Write, at: int, entries: Sequence[Entry]) -> None:
        if store.advance_cursor(tx, self.name, at, entries[-1].seq):  # else another process was faster
            self.apply(tx, entries)
