"""Bring the schema up to date, once, whoever starts first."""

import fcntl
import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from .engine import Store, open_store

_SCRIPTS = Path(__file__).parents[2] / "migrations"
# Any number that nothing else in the database uses as an advisory lock.
_ADVISORY_LOCK = 0x506F7374


def migrate(database: str, data_dir: Path) -> None:
    """Run the migrations that `database` lacks; safe to call from several processes at once.

    Raises NewerSchema when the database was made by a later version of the program.
    """
    store = open_store(database, data_dir)
    try:
        if store.dialect == "sqlite":
            lock = os.open(data_dir / "migrate.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                _upgrade(store)
            finally:
                os.close(lock)
        else:
            _upgrade(store)
    finally:
        store.dispose()


class NewerSchema(RuntimeError):
    """The database has a migration this program does not know."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, around an open connection."""
    cfg = Config()
    cfg.set_main_option("script_location", str(_SCRIPTS))
    cfg.attributes["connection"] = connection
    return cfg


def _upgrade(store: Store) -> None:
    cfg = config()
    with store.engine.connect() as connection:
        known = {script.revision for script in ScriptDirectory.from_config(cfg).walk_revisions()}
        if inspect(connection).has_table("alembic_version"):
            have = {row[0] for row in connection.exec_driver_sql("SELECT version_num FROM alembic_version")}
            if have - known:
                raise NewerSchema(
                    f"the database is at version {', '.join(have)}, made by a newer Postwright: "
                    "start that version, or restore a backup from before the upgrade"
                )
        if store.dialect == "postgresql":
            # A migration that cannot get its lock must give up before it blocks everybody behind it.
            connection.exec_driver_sql("SET lock_timeout = '10s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
        try:
            connection.exec_driver_sql("BEGIN")
            cfg.attributes["connection"] = connection
            command.upgrade(cfg, "head")
            connection.exec_driver_sql("COMMIT")
        finally:
            if store.dialect == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_ADVISORY_LOCK})")
