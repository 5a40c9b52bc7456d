"""The migrations make what the tables say, on both databases, also when several processes start at once."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import postwright.apps.concepts  # noqa: F401  every table
from postwright.kernel.db import metadata
from postwright.kernel.db.engine import open_store
from postwright.kernel.db.migrate import NewerSchema, migrate


def test_no_drift(database_url: str, tmp_path: Path) -> None:
    migrate(database_url, tmp_path)
    store = open_store(database_url, tmp_path)
    with store.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    store.dispose()
    assert differences == []


def test_several_starters_at_once(database_url: str, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from postwright.kernel.db.migrate import migrate;"
        "migrate(sys.argv[1], Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, database_url, str(tmp_path)]
    starters = [subprocess.Popen(command) for _ in range(3)]
    assert [starter.wait(60) for starter in starters] == [0, 0, 0]


def test_a_newer_schema_is_not_touched(tmp_path: Path) -> None:
    migrate("sqlite", tmp_path)
    store = open_store("sqlite", tmp_path)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.dispose()
    with pytest.raises(NewerSchema, match="9999"):
        migrate("sqlite", tmp_path)
