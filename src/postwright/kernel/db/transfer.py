"""Take everything from one store to another, in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Table, delete, func, insert, select

from .engine import Store
from .schema import metadata

BATCH = 1000  # rows
Progress = Callable[[str, int], None]  # of what, how many so far


class MoveFailed(RuntimeError):
    """Nothing was moved; the text says why."""


def copy_store(source: Store, target: Store, empty: Sequence[str], progress: Progress) -> dict[str, int]:
    """Copy the rows of all tables; how many of each. Both must have the newest schema.

    `empty` names tables that must have no rows in a store that nobody uses yet. Raises MoveFailed, and then nothing
    is in `target`.
    """
    with _transaction(source) as old, _transaction(target) as new:
        for name in empty:
            if _count(new, metadata.tables[name]):
                raise MoveFailed(f"the new store has rows in its table {name} already; give an empty one")
        for table in reversed(metadata.sorted_tables):
            new.execute(delete(table))  # what migrations put there comes from the old store too
        copied = {}
        for table in metadata.sorted_tables:
            copied[table.name] = _copy(old, new, table, progress)
            if target.dialect == "postgresql":
                _continue_numbers(new, table)
        for name, count in copied.items():
            if count != _count(new, metadata.tables[name]):
                raise MoveFailed(f"{name}: not all rows arrived")
        return copied


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {table.name: _count(connection, table) for table in metadata.sorted_tables}


def _copy(old: Connection, new: Connection, table: Table, progress: Progress) -> int:
    count = 0
    rows = old.execution_options(yield_per=BATCH).execute(select(table).order_by(*table.primary_key.columns))
    for some in rows.partitions():
        try:
            new.execute(insert(table), [dict(row._mapping) for row in some])
        except ValueError as wrong:  # PostgreSQL has no text with a NUL
            raise MoveFailed(f"{table.name}: {wrong}") from wrong
        count += len(some)
        progress(table.name, count)
    return count


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _continue_numbers(connection: Connection, table: Table) -> None:
    """What the database numbers by itself goes on behind what came."""
    for column in table.primary_key.columns:
        name = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar()
        if name is not None:
            newest = select(func.max(column)).scalar_subquery()
            connection.execute(select(func.setval(name, func.coalesce(newest, 1), newest.is_not(None))))


@contextmanager
def _transaction(store: Store) -> Iterator[Connection]:
    with store.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
