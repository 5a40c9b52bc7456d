"""Write the migration that takes the newest schema to what the tables say now.

    python tools/new_migration.py "what changes"

Compares an SQLite database with all migrations applied against the tables; look the result over before committing.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

import postwright.apps.concepts  # noqa: F401  every table
from postwright.kernel.db.engine import open_store
from postwright.kernel.db.migrate import config, migrate


def main() -> None:
    """Run it."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        migrate("sqlite", Path(folder))
        store = open_store("sqlite", Path(folder))
        with store.engine.connect() as connection:
            cfg = config(connection)
            versions = list((Path(__file__).parents[1] / "src/postwright/migrations/versions").glob("0*.py"))
            number = f"{len(versions) + 1:04d}"
            command.revision(cfg, sys.argv[1], autogenerate=True, rev_id=number)


if __name__ == "__main__":
    main()
