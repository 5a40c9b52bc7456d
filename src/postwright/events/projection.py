"""The base of everything that reads the log: a saved cursor that moves in the transaction of its effects."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from postwright.kernel.db import Db, Read, Write

from . import store
from .log import Entry, head, read

BATCH = 500  # events a transaction
BATCH_BYTES = 2 * 2**20  # or, of messages to many, where each event names them all, as many as hold this


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
        (batch,) = await db.read(look, [self])
        await self.take(db, batch)
        return len(batch.entries)

    async def take(self, db: Db, batch: "Batch") -> None:
        """Take in what `look` found for this projection."""
        if batch.after is None:
            await db.write(self.begin)
        elif batch.entries:
            await db.write(self._advance, batch.after, batch.entries)

    def begin(self, tx: Write) -> None:
        """Save where to start, once; again it does nothing."""
        if self.name not in store.positions(tx):
            store.move_cursor(tx, self.name, 0 if self.replay else head(tx))

    def _advance(self, tx: Write, at: int, entries: Sequence[Entry]) -> None:
        if store.advance_cursor(tx, self.name, at, entries[-1].seq):  # else another process was faster
            self.apply(tx, entries)


class Batch(msgspec.Struct, frozen=True):
    """The next events of a projection."""

    after: int | None  # the position behind which they lie; None: it never started
    entries: Sequence[Entry] = ()

    @property
    def is_full(self) -> bool:
        """Whether there may be more events than these."""
        return len(self.entries) == BATCH or sum(len(entry.data) for entry in self.entries) >= BATCH_BYTES


def look(tx: Read, projections: Sequence[Projection]) -> list[Batch]:
    """The next events of each projection. Those that are equally far, as all mostly are, share one batch."""
    reached = store.positions(tx)
    batches: dict[int | None, Batch] = {None: Batch(None)}
    for after in {reached[each.name] for each in projections if each.name in reached}:
        batches[after] = Batch(after, read(tx, after, BATCH, BATCH_BYTES))
    return [batches[reached.get(each.name)] for each in projections]
