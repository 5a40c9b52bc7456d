"""Tells open pages what changed, for one process: it looks at the logs once a second while somebody listens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import msgspec

from postwright import audit, events
from postwright.kernel.db import Db, Read, StoreUnavailable

from .errors import TooManyStreams

LOOK_SECONDS = 1.0
MOST = 500  # listeners of a process
MOST_OF_ACCOUNT = 20
BEAT_SECONDS = 15.0  # the longest silence: proxies end quieter connections
# Then the reader connects anew, with its session as it is by then.
LIFE_SECONDS = 120.0
BATCH = 5000  # entries of each log looked at in one look

_encode = msgspec.json.Encoder().encode


class Change(msgspec.Struct):
    """What happened since the last one: events by name, and changes (`domains.create`) with how often."""

    events: Counter[str] = msgspec.field(default_factory=Counter)
    changes: Counter[str] = msgspec.field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.events or self.changes)


class _Listener:
    """One open stream. What it did not take yet is added up: a slow reader costs no memory."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.change = Change()
        self.wake = asyncio.Event()


class Changes:
    """The streams of one process. `run` must run for them to hear anything."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._listeners: set[_Listener] = set()
        self._somebody = asyncio.Event()
        self._places: tuple[int, int] | None = None  # how far the event log and the audit log were looked at
        self._is_over = False

    def listen(self, account_id: str) -> AsyncIterator[bytes]:
        """Server-sent events for an account until the reader has to connect anew. Raises TooManyStreams."""
        mine = sum(each.account_id == account_id for each in self._listeners)
        if len(self._listeners) >= MOST or mine >= MOST_OF_ACCOUNT:
            raise TooManyStreams
        return self._stream(account_id)

    async def _stream(self, account_id: str) -> AsyncIterator[bytes]:
        listener = _Listener(account_id)
        self._listeners.add(listener)
        self._somebody.set()
        end = asyncio.get_running_loop().time() + LIFE_SECONDS
        try:
            yield b"retry: 1000\n\n"
            while not self._is_over and asyncio.get_running_loop().time() < end:
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        await listener.wake.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                listener.wake.clear()
                change, listener.change = listener.change, Change()
                if change:
                    yield b"event: change\ndata: " + _encode(change) + b"\n\n"
        finally:
            self._listeners.discard(listener)

    async def run(self, stop: asyncio.Event) -> None:
        """Look at the logs until `stop`, then end all streams."""
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            if not self._listeners:
                self._places = None
                self._somebody.clear()
                somebody = asyncio.create_task(self._somebody.wait())
                await asyncio.wait((stopping, somebody), return_when=asyncio.FIRST_COMPLETED)
                somebody.cancel()
                continue
            await self._look()
            await asyncio.wait((stopping,), timeout=LOOK_SECONDS)
        self._is_over = True
        for listener in self._listeners:
            listener.wake.set()

    async def _look(self) -> None:
        try:
            self._places, found = await self._db.scan(_since, self._places)
        except StoreUnavailable:
            return  # the next look finds what this one did not
        for listener in self._listeners:
            if change := found.get(listener.account_id):
                listener.change.events.update(change.events)
                listener.change.changes.update(change.changes)
                listener.wake.set()


def _since(tx: Read, places: tuple[int, int] | None) -> tuple[tuple[int, int], dict[str, Change]]:
    """The heads of both logs, and what stands between them and `places`, by account."""
    found: dict[str, Change] = {}
    if places is None:
        return (events.head(tx), audit.head(tx)), found
    seq, number = places
    happened = events.names_after(tx, seq, BATCH)
    changed = audit.actions_after(tx, number, BATCH)
    for _, account_id, name in happened:
        found.setdefault(account_id, Change()).events[name] += 1
    for _, account_id, action in changed:
        found.setdefault(account_id, Change()).changes[action] += 1
    return (happened[-1][0] if happened else seq, changed[-1][0] if changed else number), found
