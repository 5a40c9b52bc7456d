"""Connections: how each database is opened, locked, begun and committed."""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from .tx import Read, Write

LOCK_TIMEOUT_MS = 10_000  # longest wait for another writer before a change is refused

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # FULL: an acknowledged commit survives a power cut; NORMAL may lose it (sqlite.org/pragma.html#pragma_synchronous).
    "PRAGMA synchronous = FULL",
    f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",
    # 64 MB of log between checkpoints: rows that come and go within it are never written to the main file.
    "PRAGMA wal_autocheckpoint = 16384",
    "PRAGMA journal_size_limit = 134217728",
)


class Session:
    """One connection and its transactions. Used by one thread at a time."""

    def __init__(self, engine: Engine, lock_path: Path | None, *, read_only: bool) -> None:
        self._engine = engine
        self._lock: int | None = None
        if lock_path is not None and not read_only:
            self._lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        self._read_only = read_only
        self._connection: Connection | None = None
        self._tx: Write | None = None
        self._locked = False

    @property
    def tx(self) -> Write:
        """The transaction object over this connection, connecting (again) when needed."""
        if self._connection is None or self._connection.closed or self._tx is None:
            # Callers look at how many rows a conflict left untouched, also for INSERT.
            self._connection = self._engine.connect().execution_options(preserve_rowcount=True)
            if self._read_only and self._engine.dialect.name == "sqlite":
                self._connection.exec_driver_sql("PRAGMA query_only = ON")
                # A process has one writer and up to ten readers, whose pages the system keeps in memory anyway.
                self._connection.exec_driver_sql("PRAGMA cache_size = -8192")
            self._tx = Write(self._connection)
        return self._tx

    def _execute(self, sql: str) -> None:
        self.tx._driver_cursor().execute(sql)

    def snapshot(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a read on one consistent view."""
        tx: Read = self.tx
        try:
            self._execute(
                "BEGIN" if tx.dialect == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            )
        except psycopg.OperationalError:
            self.close()  # the server went away since the last read: once more on a new connection
            tx = self.tx
            self._execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return fn(tx, *args, **kwargs)
        finally:
            self._end("ROLLBACK")

    def begin_at_once(self) -> bool:
        """Begin if no other process is writing; never waits."""
        if self._lock is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._locked = True
        self._execute("BEGIN IMMEDIATE" if self._lock is not None else "BEGIN")
        return True

    def begin(self) -> None:
        """Begin a writing transaction, waiting for other writers.

        Processes queue on a file lock: SQLite's own waiting is a sleep that grows to 100 ms a try, and the
        kernel wakes a waiter of flock(2) at once.
        """
        if self._lock is not None:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._locked = True
            self._execute("BEGIN IMMEDIATE")
            return
        try:
            self._execute("BEGIN")
        except psycopg.OperationalError:
            self.close()
            self._execute("BEGIN")

    def run(self, calls: Sequence[Callable[[Write], Any]]) -> list[Any]:
        """Run each call in a savepoint of its own; what it returned, or the exception it raised."""
        tx = self.tx
        outcomes: list[Any] = []
        for call in calls:
            self._execute("SAVEPOINT op")
            try:
                outcomes.append(call(tx))
            except Exception as raised:
                # An I/O error may have ended the whole transaction already; then this raises too, which
                # fails the whole batch, as it must.
                self._execute("ROLLBACK TO SAVEPOINT op")
                outcomes.append(raised)
            self._execute("RELEASE SAVEPOINT op")
        return outcomes

    def commit(self) -> None:
        """Make it durable."""
        self._execute("COMMIT")
        self._unlock()

    def rollback(self) -> None:
        """Give up the transaction, whatever state it is in."""
        self._end("ROLLBACK")
        self._unlock()

    def _end(self, how: str) -> None:
        if self._connection is None:
            return  # there is none to end a transaction on, and perhaps no database to connect to
        try:
            self._execute(how)
        except (sqlite3.Error, psycopg.Error):
            self.close()  # not in a transaction, or the connection is gone: start afresh next time

    def _unlock(self) -> None:
        if self._locked and self._lock is not None:
            self._locked = False
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
        self._connection = self._tx = None

    def end(self) -> None:
        """Close everything, for good."""
        self.close()
        if self._lock is not None and self._lock >= 0:
            os.close(self._lock)
            # No descriptor: locking with it fails, and is not taken for a store without locks.
            self._lock = -1


class Store:
    """Where the data is, and how to connect to it."""

    def __init__(self, engine: Engine, lock_path: Path | None) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self._lock_path = lock_path

    def session(self, *, read_only: bool) -> Session:
        """A new connection."""
        return Session(self.engine, self._lock_path, read_only=read_only)

    def dispose(self) -> None:
        """Forget all connections."""
        self.engine.dispose()


def open_store(database: str, data_dir: Path) -> Store:
    """The store of the setting `database`: "sqlite" (in `data_dir`) or a PostgreSQL URL. Raises ValueError."""
    if database == "sqlite":
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return sqlite_store(data_dir / "state.db")
    scheme, _, rest = database.partition("://")
    if scheme not in ("postgresql", "postgres") or not rest:
        raise ValueError(f"POSTWRIGHT_DATABASE={database}: sqlite or postgresql://… expected")
    engine = create_engine(
        f"postgresql+psycopg://{rest}",
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # errors go to the log, and values are mail, addresses and digests
    )
    return Store(engine, None)


def sqlite_store(path: Path) -> Store:
    """A store in one SQLite file."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,
        # We begin and commit by ourselves; the driver must not do it behind our back.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={"check_same_thread": False, "cached_statements": 512},
    )
    event.listen(engine, "connect", _sqlite_pragmas)
    return Store(engine, path.with_suffix(".lock"))


def _sqlite_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)
