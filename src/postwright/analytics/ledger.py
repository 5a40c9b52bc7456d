"""Asking about events: the table, and what the log holds behind it, as one relation."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import duckdb
import pyarrow as pa

from postwright import events
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db
from postwright.kernel.settings import Settings

from .columns import SCHEMA, day_of, start_of, table
from .errors import Behind, Busy, TooLong
from .table import File, Table, Version

P = ParamSpec("P")
T = TypeVar("T")

THREADS: Final = 2  # of one query, and queries at a time
WAITING: Final = 64  # queries that may wait for their turn
SECONDS: Final = 30.0  # a query may take
MEMORY: Final = "512MB"
SPILL: Final = "4GB"  # on disk, for large sorts
READ: Final = 2_000  # events of the log at a time
FOREVER: Final = 250_000_000_000 * SECOND  # the year 9892, which dates can still write
MAX_TAIL: Final = 500_000  # events behind the table that are held in memory


class Parameters(dict[str, Any]):
    """Values of a query: `add` gives the name to write in their place."""

    def add(self, value: Any) -> str:
        """The placeholder of a value."""
        name = f"p{len(self)}"
        self[name] = value
        return f"${name}"


class Look:
    """All events as they are at one moment. Use it only inside the function that got it."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, source: Table, version: Version, tail: pa.Table
    ) -> None:
        self._cursor = cursor
        self._table = source
        self._version = version
        self.tail = tail  # what the table does not hold yet
        self._has_tail = tail.num_rows > 0
        # No event is older (microseconds).
        self.oldest = min((start_of(file.day) for file in version.files), default=2**62)
        if self._has_tail:
            cursor.register("tail", tail)
            self.oldest = min(self.oldest, tail["ts"][0].as_py())

    def source(
        self, params: Parameters, columns: Sequence[str], low: int, high: int, where: Sequence[str] = ()
    ) -> str:
        """SQL of the events from `low` to before `high` (microseconds) for which all of `where` is true.

        Conditions are put into the table's and the tail's half, so that both are cut down as they are read.
        """
        names = ", ".join(columns)
        span = (f"ts >= {params.add(low)}", f"ts < {params.add(high)}")
        condition = " AND ".join((*span, *where))
        halves = []
        files = self._files(low, high)
        if files:
            paths = params.add(self._table.local(files))
            # All files have the same columns; the partition is not one of them.
            held = f"read_parquet({paths}, hive_partitioning = false)"
            halves.append(f"SELECT {names} FROM {held} WHERE {condition}")  # noqa: S608
        if self._has_tail:
            halves.append(f"SELECT {names} FROM tail WHERE {condition}")  # noqa: S608
        if not halves:
            empty = ", ".join(f"NULL::{_TYPES[name]} AS {name}" for name in columns)
            halves.append(f"SELECT {empty} WHERE false")
        return " UNION ALL ".join(halves)

    def _files(self, low: int, high: int) -> list[File]:
        first, last = day_of(low), day_of(max(high - 1, low))
        return [file for file in self._version.files if first <= file.day <= last]

    def rows(self, sql: str, params: Parameters) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        # DuckDB refuses values that the text does not name.
        named = {name: value for name, value in params.items() if f"${name}" in sql}
        return self._cursor.execute(sql, named).fetchall()

    def arrow(self, sql: str, params: Parameters) -> Any:
        """All rows of a query as an Arrow table."""
        named = {name: value for name, value in params.items() if f"${name}" in sql}
        return self._cursor.sql(sql, params=named).to_arrow_table()

    def files(self) -> list[str]:
        """Paths of all files of the table."""
        return self._table.local(self._version.files)


_DUCK = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN", pa.date32(): "DATE"}
_TYPES = {field.name: _DUCK.get(field.type, "VARCHAR[]") for field in SCHEMA}


class Ledger:
    """One process's view of all events.

    The engine is bounded in memory, threads and time, and runs beside the event loop. What the table does not
    hold yet is read from the log and kept as columns, so that each event is converted once.
    """

    def __init__(self, settings: Settings, db: Db) -> None:
        self._settings = settings
        self._db = db
        self._table = Table(settings)
        self._pool = ThreadPoolExecutor(THREADS, "analytics")
        self._waiting = 0
        self._lock = threading.Lock()
        self._engine: duckdb.DuckDBPyConnection | None = None
        self._tail: list[tuple[int, pa.Table]] = []  # last position, events

    async def ask(self, question: Callable[Concatenate[Look, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `question(look, …)` in a thread. Raises Busy, TooLong, Behind, and what it raises."""
        if self._waiting >= WAITING:
            raise Busy
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, partial(self.ask_now, question, *args, **kwargs))
        finally:
            self._waiting -= 1

    async def beside(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a long job about the table in one of the same threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(job, *args, **kwargs))

    def ask_now(self, question: Callable[Concatenate[Look, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`ask` for programs without an event loop."""
        try:
            return self._answer(question, *args, **kwargs)
        except duckdb.IOException:
            # A file of that version was removed meanwhile (erasure does it at once): the newest has others.
            return self._answer(question, *args, **kwargs)

    def _answer(self, question: Callable[Concatenate[Look, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            version, tail = self._now()
            cursor = self._connect().cursor()
        alarm = threading.Timer(SECONDS, cursor.interrupt)
        alarm.daemon = True
        alarm.start()
        try:
            return question(Look(cursor, self._table, version, tail), *args, **kwargs)
        except duckdb.InterruptException as late:
            raise TooLong from late
        except duckdb.OutOfMemoryException as large:
            raise TooLong from large
        finally:
            alarm.cancel()
            cursor.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if self._engine is None:
            spill = self._settings.data_dir / "analytics-spill"
            self._engine = duckdb.connect(
                config={
                    "threads": THREADS,
                    "memory_limit": MEMORY,
                    "temp_directory": str(spill),
                    "max_temp_directory_size": SPILL,
                    "preserve_insertion_order": False,
                    "python_enable_replacements": False,
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                }
            )
        return self._engine

    def _now(self) -> tuple[Version, pa.Table]:
        version = self._table.version()
        self._tail = [each for each in self._tail if each[0] > version.position]
        held = sum(part.num_rows for _, part in self._tail)
        at = self._tail[-1][0] if self._tail else version.position
        while new := self._db.read_now(events.read, at, READ):
            held += len(new)
            if held > MAX_TAIL:
                raise Behind
            at = new[-1].seq
            self._tail.append((at, table(new)))
        if len(self._tail) > 50:
            # Many small pieces are slow to read.
            self._tail = [(at, pa.concat_tables([part for _, part in self._tail]).combine_chunks())]
        parts = [part for _, part in self._tail]
        tail = pa.concat_tables(parts) if parts else SCHEMA.empty_table()
        if self._tail and tail["seq"][0].as_py() <= version.position:
            tail = tail.filter(pa.compute.greater(tail["seq"], version.position))
        return version, tail

    def close(self) -> None:
        """End the threads and the engine."""
        self._pool.shutdown()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
