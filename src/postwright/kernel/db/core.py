"""`Db`: reads, and writes with group commit."""

import asyncio
import errno
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from sqlalchemy.exc import DBAPIError, OperationalError

from ..errors import Refused
from ..metrics import Counter, Histogram
from .engine import Session, Store, open_store
from .tx import Read, Write

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 64  # operations in one transaction at most (architecture.md section 3)
READERS = 4  # threads for long reads


_BATCH = Histogram(
    "commit_batch_size", "Operations that shared one commit.", buckets=(1, 2, 4, 8, 16, 32, 64)
).labels()
_COMMIT = Histogram("commit_seconds", "From the wait for the writers' lock to the durable commit.").labels()
_ERRORS = Counter("store_errors_total", "Batches that the store refused.").labels()


class StoreUnavailable(Refused):
    """The store cannot take a change now (disk full, database gone); nothing was changed."""

    status = 503
    smtp = (451, "4.3.0")
    message = "The message store is not available right now, please try again"


class StoreFull(StoreUnavailable):
    """There is no room: SMTP has a code of its own for that (RFC 5321 §4.2.3, RFC 3463 §3.4)."""

    smtp = (452, "4.3.1")


_FAILURES = (DBAPIError, OSError, sqlite3.OperationalError, psycopg.OperationalError)
# Of a read: what is no fault of the statement.
_DISRUPTIONS = (OperationalError, sqlite3.OperationalError, psycopg.OperationalError)
_Job = tuple[Callable[[Write], Any], "asyncio.Future[Any]"]


class Db:
    """One process's access to the store.

    On SQLite statements run on the event loop's own thread: they take microseconds, and a thread of their own
    would wait for the interpreter lock after each of them. Only what really waits (the writers' lock between
    processes, the sync to disk) is given to a thread. On PostgreSQL whole batches run in a thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._inline = store.dialect == "sqlite"
        self._writer: Session | None = None
        self._reader: Session | None = None
        self._pending: deque[_Job] = deque()
        self._draining: asyncio.Task[None] | None = None
        self._write_thread = ThreadPoolExecutor(1, "db-write")
        self._read_threads = ThreadPoolExecutor(READERS, "db-read")
        self._local = threading.local()
        self._opened: list[Session] = []
        self.dialect = store.dialect

    async def read(self, fn: Callable[Concatenate[Read, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short read `fn(tx, …)` on one consistent snapshot.

        Raises what `fn` raises, or StoreUnavailable.
        """
        if self._inline:
            if self._reader is None:
                self._reader = self._open(read_only=True)
            return _read(self._reader, fn, *args, **kwargs)
        return await self.scan(fn, *args, **kwargs)

    async def scan(self, fn: Callable[Concatenate[Read, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `read`, in a thread: for reads that may take milliseconds."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._read_threads, partial(self._scan, fn, *args, **kwargs))

    async def write(self, fn: Callable[Concatenate[Write, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(tx, …)` in a transaction; returns when it is durable.

        Raises what `fn` raises (and then nothing of it happened), or StoreUnavailable.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append((partial(_call, fn, args, kwargs), future))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        return await future

    def write_now(self, fn: Callable[Concatenate[Write, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for programs without an event loop (start-up, command line)."""
        outcome = self._run_batch([partial(_call, fn, args, kwargs)])[0]
        if isinstance(outcome, BaseException):
            raise outcome
        result: T = outcome
        return result

    def read_now(self, fn: Callable[Concatenate[Read, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for programs without an event loop."""
        return self._scan(fn, *args, **kwargs)

    async def close(self) -> None:
        """Finish what waits and close every connection."""
        if self._draining is not None:
            await asyncio.gather(self._draining, return_exceptions=True)
        self.close_now()

    def close_now(self) -> None:
        """Close every connection (nothing may be waiting)."""
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        for session in self._opened:
            session.end()
        self._store.dispose()

    def _open(self, *, read_only: bool) -> Session:
        session = self._store.session(read_only=read_only)
        self._opened.append(session)
        return session

    def _scan(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if not hasattr(self._local, "session"):
            self._local.session = self._open(read_only=True)
        return _read(self._local.session, fn, *args, **kwargs)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            jobs: list[_Job] = []
            outcomes: list[Any] = []
            began = time.monotonic()
            try:
                if self._inline:
                    outcomes = await self._inline_batch(loop, jobs)
                else:
                    jobs.extend(self._take())
                    outcomes = await loop.run_in_executor(
                        self._write_thread, self._run_batch, [call for call, _ in jobs]
                    )
            except Exception as failure:
                # Whatever breaks here breaks every job of the batch and no other.
                jobs = jobs or self._take()
                outcomes = [failure] * len(jobs)
                _ERRORS.inc()
            _BATCH.observe(len(jobs))
            _COMMIT.observe(time.monotonic() - began)
            for (_, future), outcome in zip(jobs, outcomes, strict=True):
                if future.done():
                    continue
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

    def _take(self) -> list[_Job]:
        count = min(BATCH, len(self._pending))
        return [self._pending.popleft() for _ in range(count)]

    async def _inline_batch(self, loop: asyncio.AbstractEventLoop, jobs: list[_Job]) -> list[Any]:
        if self._writer is None:
            self._writer = self._open(read_only=False)
        writer = self._writer
        try:
            if not writer.begin_at_once():
                await loop.run_in_executor(self._write_thread, writer.begin)
            # Taken only now: what arrived while we waited for the lock shares this sync.
            jobs.extend(self._take())
            outcomes = writer.run([call for call, _ in jobs])
            await loop.run_in_executor(self._write_thread, writer.commit)
        except _FAILURES as failure:
            writer.rollback()
            raise unavailable(failure) from failure
        return [_translated(outcome) for outcome in outcomes]

    def _run_batch(self, calls: list[Callable[[Write], Any]]) -> list[Any]:
        """One transaction for all `calls`, on this thread; what each gave or raised."""
        if self._writer is None:
            self._writer = self._open(read_only=False)
        writer = self._writer
        try:
            writer.begin()
            outcomes = writer.run(calls)
            writer.commit()
        except _FAILURES as failure:
            writer.rollback()
            raise unavailable(failure) from failure
        return [_translated(outcome) for outcome in outcomes]


def _read(session: Session, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        found: T = session.snapshot(fn, *args, **kwargs)
    except _DISRUPTIONS as failure:
        cause = failure.orig if isinstance(failure, DBAPIError) else failure
        if getattr(cause, "sqlite_errorcode", None) in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY):
            raise  # SQLite's word for a wrong statement
        raise unavailable(failure) from failure
    return found


def _call(fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], tx: Write) -> T:
    return fn(tx, *args, **kwargs)


def unavailable(failure: BaseException) -> StoreUnavailable:
    """What a failure of a database, or of the disk, is to who wanted something stored."""
    cause = failure.orig if isinstance(failure, DBAPIError) else failure
    full = (
        getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        or isinstance(cause, psycopg.errors.DiskFull)
        or (isinstance(cause, OSError) and cause.errno == errno.ENOSPC)
    )
    return StoreFull() if full else StoreUnavailable()


def _translated(outcome: Any) -> Any:
    if isinstance(outcome, _DISRUPTIONS):
        refusal = unavailable(outcome)
        refusal.__cause__ = outcome
        return refusal
    return outcome


def open_db(database: str, data_dir: Path) -> Db:
    """Open the store named by the setting `database`."""
    return Db(open_store(database, data_dir))
