"""Transactions as services and stores see them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import Executable
from sqlalchemy.sql.elements import ClauseElement

Params = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Prepared:
    """A statement compiled once for each database, run by the driver itself with positional values.

    For the few statements that every message runs: SQLAlchemy's own execution costs several times what the
    database needs for them. `names` gives the order in which callers pass the bound values.
    """

    def __init__(self, clause: ClauseElement, names: Sequence[str]) -> None:
        self._clause = clause
        self._names = tuple(names)
        self._compiled: dict[str, tuple[str, _Arrange | None]] = {}

    def sql(self, dialect: str) -> "tuple[str, _Arrange | None]":
        """The text for `dialect`, and how to arrange values for it (None: as they are)."""
        if dialect not in self._compiled:
            kind: Any = sqlite.dialect if dialect == "sqlite" else postgresql.dialect
            target: Dialect = kind() if dialect == "sqlite" else kind(paramstyle="format")
            compiled: Any = self._clause.compile(dialect=target, column_keys=list(self._names))
            wanted: Sequence[str] = compiled.positiontup or []
            arrange = None if tuple(wanted) == self._names else _arrange(wanted, self._names, compiled.params)
            self._compiled[dialect] = (str(compiled), arrange)
        return self._compiled[dialect]


_Arrange = Callable[[Sequence[Any]], Sequence[Any]]


def _arrange(wanted: Sequence[str], names: Sequence[str], constants: Mapping[str, Any]) -> _Arrange:
    """Values in the order the text wants them, with the constants that stood in the clause itself."""
    plan = [(names.index(name), None) if name in names else (-1, constants[name]) for name in wanted]
    return lambda values: [constant if at < 0 else values[at] for at, constant in plan]


class Read:
    """A transaction that may read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor: Any = None
        self.dialect = connection.dialect.name

    def rows(self, stmt: Executable, params: Params = None) -> Sequence[Row[Any]]:
        """All rows of a query."""
        return self._connection.execute(stmt, params).all()

    def row(self, stmt: Executable, params: Params = None) -> Row[Any] | None:
        """The first row of a query, or None."""
        return self._connection.execute(stmt, params).first()

    def scalar(self, stmt: Executable, params: Params = None) -> Any:
        """The first column of the first row, or None."""
        return self._connection.execute(stmt, params).scalar()

    def fetch(self, stmt: Prepared, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a prepared query, as plain tuples."""
        sql, arrange = stmt.sql(self.dialect)
        cursor = self._driver_cursor()
        cursor.execute(sql, values if arrange is None else arrange(values))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def ping(self) -> None:
        """Ask the database for an answer."""
        self._driver_cursor().execute("SELECT 1")

    def _driver_cursor(self) -> Any:
        if self._cursor is None:
            driver = self._connection.connection.driver_connection
            assert driver is not None
            self._cursor = driver.cursor()
        return self._cursor


class Change:
    """What a transaction says about itself, for whoever records who changed what."""

    __slots__ = ("after", "before", "by", "is_recorded")

    def __init__(self) -> None:
        self.before: Any = None
        self.after: Any = None
        self.by: tuple[str, str] | None = None  # account and user, where the request itself does not tell
        self.is_recorded = False  # somebody wrote a better record already


class Write(Read):
    """A transaction that may read and write."""

    change: Change | None = None  # while somebody wants to know

    def describe(self, *, before: Any = None, after: Any = None, by: tuple[str, str] | None = None) -> None:
        """Say what of an object this transaction changes; without secrets, as it may be recorded."""
        if self.change is not None:
            self.change.before, self.change.after = before, after
            self.change.by = by or self.change.by

    def run(self, stmt: Executable, params: Params = None) -> int:
        """Run an INSERT, UPDATE or DELETE; the number of rows it touched."""
        return self._connection.execute(stmt, params).rowcount

    def do(self, stmt: Prepared, values: Sequence[Any]) -> int:
        """Run a prepared statement once; the number of rows it touched."""
        sql, arrange = stmt.sql(self.dialect)
        cursor = self._driver_cursor()
        cursor.execute(sql, values if arrange is None else arrange(values))
        return int(cursor.rowcount)

    def do_many(self, stmt: Prepared, rows: Iterable[Sequence[Any]]) -> None:
        """Run a prepared statement for each row of values."""
        sql, arrange = stmt.sql(self.dialect)
        self._driver_cursor().executemany(sql, rows if arrange is None else [arrange(row) for row in rows])

    def delete_some(self, table: Table, where: ColumnElement[bool], limit: int = 1000) -> int:
        """Delete up to `limit` rows; how many. For what may be much: others wait for a transaction this long."""
        key = list(table.primary_key.columns)
        return self.run(delete(table).where(tuple_(*key).in_(select(*key).where(where).limit(limit))))

    def upsert(
        self,
        table: Table,
        values: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        key: Sequence[str],
        update: Sequence[str] | None = None,
    ) -> int:
        """Insert; where a row with the same `key` is there, overwrite its columns `update` (none: leave it).

        Returns the number of rows inserted or changed. The way to meet a conflict: an IntegrityError would
        abort the whole transaction on PostgreSQL.
        """
        rows = [values] if isinstance(values, Mapping) else values
        if not rows:
            return 0
        insert = sqlite.insert if self.dialect == "sqlite" else postgresql.insert
        stmt: Any = insert(table).values(list(rows))
        if update:
            stmt = stmt.on_conflict_do_update(
                index_elements=list(key), set_={name: stmt.excluded[name] for name in update}
            )
        else:
            stmt = stmt.on_conflict_do_nothing(index_elements=list(key))
        return self._connection.execute(stmt).rowcount

    def lock(self, name: int) -> None:
        """Hold the transaction-wide lock `name` until commit. SQLite has one writer at a time anyway."""
        if self.dialect == "postgresql":
            self._connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (name,))
