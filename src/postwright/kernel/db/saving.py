"""Copies of a store that is in use: by SQLite's backup interface, or by PostgreSQL's own programs."""

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import inspect

from .engine import Store, open_store, sqlite_store
from .transfer import counts

INSTALLED: Final = Path("/usr/lib/postgresql")
LOOK_SECONDS: Final = 0.5
Progress = Callable[[int, int], None]  # octets so far, and about how many in all


class SaveFailed(RuntimeError):
    """A copy could not be made or be read; the text says why and what to do."""


def save(database: str, data: Path, target: Path, progress: Progress) -> dict[str, int]:
    """Copy a store into the file `target` while others use it; how many rows each table has in the copy."""
    if database == "sqlite":
        return _save_sqlite(data / "state.db", target, progress)
    return _dump(database, target)


def load(saved: Path, database: str, data: Path) -> None:
    """Make a store from such a file. There must be none yet."""
    if database == "sqlite":
        if (data / "state.db").exists():
            raise SaveFailed(f"{data} has a store already; give an empty folder (POSTWRIGHT_DATA)")
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(saved, data / "state.db")
        (data / "state.db").chmod(0o600)
        return
    store = open_store(database, data)
    try:
        with store.engine.connect() as connection:
            if inspect(connection).get_table_names():
                raise SaveFailed("the database has tables already; give an empty one (POSTWRIGHT_DATABASE)")
    finally:
        store.dispose()
    _run("pg_restore", database, "--no-owner", "--no-privileges", "--single-transaction", str(saved))


def examine(database: str, data: Path) -> tuple[dict[str, int], list[str]]:
    """How many rows each table has, and what is broken (SQLite only: PostgreSQL checks what it loads)."""
    store = open_store(database, data)
    try:
        return _examine(store)
    finally:
        store.dispose()


def _examine(store: Store) -> tuple[dict[str, int], list[str]]:
    with store.engine.connect() as connection:
        broken = []
        if store.dialect == "sqlite":
            found = connection.exec_driver_sql("PRAGMA integrity_check(20)").all()
            broken += [str(row[0]) for row in found if row[0] != "ok"]
            strays = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            broken += [f"{row[0]}: row {row[1]} refers to nothing in {row[2]}" for row in strays[:20]]
        return counts(connection), broken


def make_database(database: str, name: str) -> str:
    """Make a database beside another one, for a drill; its URL."""
    with psycopg.connect(_libpq(database), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    head, _, query = database.partition("?")
    return head.rpartition("/")[0] + "/" + name + (f"?{query}" if query else "")


def drop_database(database: str, name: str) -> None:
    """Drop what `make_database` made."""
    with psycopg.connect(_libpq(database), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def _save_sqlite(path: Path, target: Path, progress: Progress) -> dict[str, int]:
    if not path.exists():
        raise SaveFailed(f"there is no store in {path.parent} (POSTWRIGHT_DATA)")
    whole = path.stat().st_size
    done = threading.Event()
    watching = threading.Thread(target=_watch, args=(target, whole, done, progress))
    source, copy = sqlite3.connect(path), sqlite3.connect(target)
    watching.start()
    try:
        # In one step: between steps a writer in another process would make it begin anew, for ever.
        source.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    except sqlite3.Error as wrong:
        raise SaveFailed(f"{path} could not be copied: {wrong}") from wrong
    finally:
        source.close()
        copy.close()
        done.set()
        watching.join()
    target.chmod(0o600)
    store = sqlite_store(target)
    try:
        with store.engine.connect() as connection:
            found = counts(connection)
            connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
            return found
    finally:
        store.dispose()


def _watch(target: Path, whole: int, done: threading.Event, progress: Progress) -> None:
    while not done.wait(LOOK_SECONDS):
        if target.exists():
            progress(target.stat().st_size, whole)


def _dump(database: str, target: Path) -> dict[str, int]:
    """Dump and count the same snapshot (pg_export_snapshot)."""
    store = open_store(database, target.parent)
    try:
        with store.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
            _run(
                "pg_dump",
                database,
                "--format=custom",
                "--no-owner",
                "--no-privileges",
                f"--snapshot={snapshot}",
                f"--file={target}",
            )
            found = counts(connection)
            connection.exec_driver_sql("ROLLBACK")
    finally:
        store.dispose()
    target.chmod(0o600)
    return found


def _run(program: str, database: str, *arguments: str) -> None:
    found = shutil.which(program) or next(
        (str(path) for path in sorted(INSTALLED.glob(f"*/bin/{program}"), reverse=True)), ""
    )
    if not found:
        raise SaveFailed(f"{program} is not installed: on Debian, apt install postgresql-client")
    parts: dict[str, Any] = conninfo_to_dict(_libpq(database))
    # Arguments can be read by every user of the machine.
    password = {"PGPASSWORD": str(parts.pop("password"))} if "password" in parts else {}
    run = subprocess.run(  # noqa: S603
        [found, f"--dbname={make_conninfo(**parts)}", *arguments],
        env={**os.environ, **password},
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise SaveFailed(f"{program}: {run.stderr.strip()[-2000:]}")


def _libpq(database: str) -> str:
    return "postgresql://" + database.partition("://")[2]
