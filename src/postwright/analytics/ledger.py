"""Asking about events: the table, and what the log holds behind it, as one relation."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from postwright import events
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db
from postwright.kernel.settings import Settings

from . import digests, engines
from .columns import FIELDS, day_of, schema, start_of, table
from .errors import Behind, Busy, TooLong
from .retention import Terms, terms
from .table import File, Table, Version

P = ParamSpec("P")
T = TypeVar("T")

THREADS: Final = 2  # of one query, and queries at a time
WAITING: Final = 64  # queries that may wait for their turn
SECONDS: Final = 30.0  # a query may take
MEMORY: Final = "512MB"
SPILL: Final = "4GB"  # on disk, for large sorts
READ: Final = 200  # events of the log at a time,
READ_BYTES: Final = 2 * 2**20  # and no more than hold so many bytes
FOREVER: Final = 250_000_000_000 * SECOND  # the year 9892, which dates can still write
MAX_TAIL: Final = 256 * 2**20  # bytes of events behind the table that are held in memory
MAX_HITS: Final = 5_000  # events of somebody that are looked up one by one
MAX_PEOPLE: Final = 100  # of recipients and accounts that are looked up


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
        self,
        cursor: "engines.duckdb.DuckDBPyConnection",
        source: Table,
        version: Version,
        tail: "engines.arrow.Table",
        terms: Terms,
    ) -> None:
        self._cursor = cursor
        self._table = source
        self._version = version
        self._terms = terms
        self._hits: dict[str, list[int]] | None = None  # by file: where somebody's events are
        self.tail = tail  # what the table does not hold yet
        self._has_tail = tail.num_rows > 0
        # No event is older (microseconds).
        self.oldest = min((start_of(file.day) for file in version.files), default=2**62)
        if self._has_tail:
            cursor.register("tail", tail)
            self.oldest = min(self.oldest, tail["ts"][0].as_py())

    @property
    def is_narrow(self) -> bool:
        """Whether it is known where to look, so that a long time is as quick to search as a short one."""
        return self._hits is not None

    def narrow(self, accounts: Sequence[str], recipients: Sequence[str]) -> None:
        """Leave files unread that have nothing of these recipients, as far as that is known."""
        people = self._table.digests(digests.PEOPLE)
        large = [file for file in self._version.files if file.name in people]
        if not large or len(accounts) * len(recipients) > MAX_PEOPLE:
            return
        params = Parameters()
        keys = [
            digests.HASH.format(account=params.add(account), recipient=params.add(recipient))
            for account in accounts
            for recipient in recipients
        ]
        paths = self._table.local(people[file.name] for file in large)
        found = self.rows(
            f"SELECT filename, seq FROM read_parquet({params.add(paths)}, filename = true) "  # noqa: S608
            f"WHERE key IN ({', '.join(keys)}) LIMIT {MAX_HITS + 1}",
            params,
        )
        if len(found) > MAX_HITS:
            return  # somebody with so many is found soon anyway
        names = dict(zip(paths, (file.name for file in large), strict=True))
        self._hits = {name: [] for name in names.values()}
        for path, seq in found:
            self._hits[names[path]].append(seq)

    def source(
        self,
        params: Parameters,
        columns: Sequence[str],
        low: int,
        high: int,
        where: Sequence[str] = (),
        *,
        counted: str = "",
    ) -> str:
        """SQL of the events from `low` to before `high` (microseconds) for which all of `where` is true.

        Conditions are put into each part of them, so that all are cut down as they are read. With `counted`, a kind of
        `digests.SUMS`, a row stands for `n` events; then only its columns may be named, here and in `where`, and of
        `ts` only the step is right.
        """
        span = (f"ts >= {params.add(low)}", f"ts < {params.add(high)}", *self._terms.conditions(low, params))
        single = ", ".join((*columns, "1 AS n") if counted else columns)
        parts = []
        for relation, names, known in self._parts(params, low, high, counted=counted):
            shown = ", ".join((*columns, *names)) if names else single
            parts.append(f"SELECT {shown} FROM {relation} WHERE {' AND '.join((*span, *known, *where))}")  # noqa: S608
        if not parts:
            kinds = [f"NULL::{_DUCK[FIELDS[name]]} AS {name}" for name in columns]
            parts.append(f"SELECT {', '.join((*kinds, '0 AS n') if counted else kinds)} WHERE false")
        return " UNION ALL ".join(parts)

    def _parts(
        self, params: Parameters, low: int, high: int, *, counted: str
    ) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """Relations that have the events between two times; columns and conditions of their own."""
        sums = self._table.digests(counted) if counted else {}
        plain: list[File] = []
        summed: list[File] = []
        hit: list[File] = []
        seqs: list[int] = []
        for file in self._files(low, high):
            if file.name in sums and digests.SUMS[counted].is_whole(file, low, high):
                summed.append(sums[file.name])
            elif self._hits is None or file.name not in self._hits:
                plain.append(file)
            elif found := self._hits[file.name]:
                hit.append(file)
                seqs += found
        if plain:
            yield self._held(params, plain), (), ()
        if hit:
            yield self._held(params, hit), (), (f"seq IN ({', '.join(map(str, seqs))})",)
        if summed:
            yield self._held(params, summed), ("n",), ()
        if self._has_tail:
            yield "tail", (), ()

    def _held(self, params: Parameters, files: list[File]) -> str:
        # All files have the same columns; the partition is not one of them.
        return f"read_parquet({params.add(self._table.local(files))}, hive_partitioning = false)"

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

    def view(self) -> tuple[list[str], list[str]]:
        """Paths of all files of the table, and the conditions of retention as SQL without parameters."""
        return self._table.local(self._version.files), self._terms.conditions(0)


_DUCK = {"text": "VARCHAR", "texts": "VARCHAR[]", "int": "BIGINT", "flag": "BOOLEAN", "date": "DATE"}


class Ledger:
    """One process's view of all events.

    The engine is bounded in memory, threads and time, and runs beside the event loop. What the table does not
    hold yet is read from the log and kept as columns, so that each event is converted once.
    """

    def __init__(self, settings: Settings, db: Db, clock: Clock, *, tail: int = MAX_TAIL) -> None:
        """`tail`: how many bytes of events behind the table it may hold."""
        self._most = tail
        self._settings = settings
        self._db = db
        self._clock = clock
        self._table = Table(settings)
        self._pool = ThreadPoolExecutor(THREADS, "analytics")
        self._waiting = 0
        self._lock = threading.Lock()
        self._engine: engines.duckdb.DuckDBPyConnection | None = None
        self._tail: list[tuple[int, engines.arrow.Table]] = []  # last position, events

    async def ask(self, question: Callable[Concatenate[Look, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `question(look, …)` in a thread. Raises Busy, TooLong, Behind, and what it raises."""
        return await self._queued(partial(self.ask_now, question, *args, **kwargs))

    async def ask_past(
        self, question: Callable[Concatenate[Look, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`ask` about what the table holds and no more. Raises Busy, TooLong, and what it raises."""
        return await self._queued(partial(self._answer, question, args, kwargs, with_tail=False))

    async def _queued(self, job: Callable[[], T]) -> T:
        if self._waiting >= WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, job)
        finally:
            self._waiting -= 1

    async def beside(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a long job about the table in one of the same threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(job, *args, **kwargs))

    def ask_now(self, question: Callable[Concatenate[Look, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`ask` for programs without an event loop."""
        return self._answer(question, args, kwargs, with_tail=True)

    def _answer(self, question: Callable[..., T], args: Any, kwargs: Any, *, with_tail: bool) -> T:
        try:
            return self._look(question, args, kwargs, with_tail=with_tail)
        except (engines.duckdb.IOException, FileNotFoundError):
            # A file of that version was removed meanwhile (erasure does it at once): the newest has others.
            return self._look(question, args, kwargs, with_tail=with_tail)

    def _look(self, question: Callable[..., T], args: Any, kwargs: Any, *, with_tail: bool) -> T:
        allowed = self._db.read_now(terms, self._clock.now())
        with self._lock:
            version = self._table.version()
            tail = self._behind(version) if with_tail else schema().empty_table()
            cursor = self._connect().cursor()
        alarm = threading.Timer(SECONDS, cursor.interrupt)
        alarm.daemon = True
        alarm.start()
        try:
            return question(Look(cursor, self._table, version, tail, allowed), *args, **kwargs)
        except engines.duckdb.InterruptException as late:
            raise TooLong from late
        except engines.duckdb.OutOfMemoryException as large:
            raise TooLong from large
        finally:
            alarm.cancel()
            cursor.close()

    def _connect(self) -> "engines.duckdb.DuckDBPyConnection":
        if self._engine is None:
            spill = self._settings.data_dir / "analytics-spill"
            self._engine = engines.duckdb.connect(
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
            # Files never change: what their ends say needs to be read once.
            self._engine.execute("SET parquet_metadata_cache = true")
        return self._engine

    def _behind(self, version: Version) -> "engines.arrow.Table":
        """What the log holds behind the table."""
        concat = engines.arrow.concat_tables
        self._tail = [each for each in self._tail if each[0] > version.position]
        held = sum(part.nbytes for _, part in self._tail)
        at = self._tail[-1][0] if self._tail else version.position
        while new := self._db.read_now(events.read, at, READ, READ_BYTES):
            at = new[-1].seq
            self._tail.append((at, table(new)))
            held += self._tail[-1][1].nbytes
            if held > self._most:
                raise Behind
        if len(self._tail) > 50:
            # Many small pieces are slow to read.
            self._tail = [(at, concat([part for _, part in self._tail]).combine_chunks())]
        parts = [part for _, part in self._tail]
        tail = concat(parts) if parts else schema().empty_table()
        if self._tail and tail["seq"][0].as_py() <= version.position:
            tail = tail.filter(engines.compute.greater(tail["seq"], version.position))
        return tail

    def close(self) -> None:
        """End the threads and the engine."""
        self._pool.shutdown()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
