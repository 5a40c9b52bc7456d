"""The readers of the log take turns together, and one that fails stops nobody else."""

from collections.abc import Sequence

import msgspec

from postwright import events
from postwright.apps.projector import PAUSE_SECONDS, POLL_SECONDS, turn
from postwright.events import Entry
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, Write


class Good(events.Projection):
    name = "good"
    replay = True

    def __init__(self) -> None:
        self.got: list[int] = []

    def apply(self, tx: Write, entries: Sequence[Entry]) -> None:
        self.got.extend(msgspec.json.decode(entry.data)["n"] for entry in entries)


class Bad(Good):
    name = "bad"

    def __init__(self) -> None:
        super().__init__()
        self.fails = True

    def apply(self, tx: Write, entries: Sequence[Entry]) -> None:
        if self.fails:
            raise LookupError("no")
        super().apply(tx, entries)


async def test_a_reader_that_fails_waits_alone_and_loses_nothing(db: Db) -> None:
    good, bad = Good(), Bad()
    await turn(db, [bad, good], 0.0)  # their beginning
    said = [events.Event(name="opened", account_id="a", domain_id="d", data={"n": n}) for n in range(600)]
    await db.write(events.append, SECOND, said)

    assert await turn(db, [bad, good], 7.05) == [7.05 + PAUSE_SECONDS, 7.05]  # the good one goes on at once
    (due,) = await turn(db, [good], 7.05)
    assert 7.05 < due <= 7.05 + POLL_SECONDS + 1e-6  # there is no more
    assert good.got == list(range(600)) and bad.got == []

    bad.fails = False
    await turn(db, [bad, good], 8.0)
    await turn(db, [bad, good], 8.0)
    assert good.got == bad.got == list(range(600))
