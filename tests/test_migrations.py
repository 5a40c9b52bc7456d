"""The migrations make what the tables say, on both databases, also when several processes start at once."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import postwright.apps.concepts  # noqa: F401  every table
from postwright import migrations
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


# -- migrations run while nodes of the version before still serve (decision 0082)

FIRST_SAFE = 41  # the rule holds from this migration on
_BREAKING = {
    "drop_table": "old nodes still read it",
    "drop_column": "old nodes still name it",
    "rename_table": "old nodes know the old name",
    "drop_constraint": "old nodes may rely on it",
}


def breaking(source: str) -> list[str]:
    """What in a migration's `upgrade` breaks nodes that do not know it yet; none when it says why it may.

    A migration that removes what no version in use knows any more says so: `CONTRACTS = "since 0.4 nothing reads x"`.
    """
    tree = ast.parse(source)
    names = {
        t.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for t in node.targets
        if isinstance(t, ast.Name)
    }
    if "CONTRACTS" in names:
        return []
    upgrade = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    found = []
    for call in (node for node in ast.walk(upgrade) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        given = {each.arg: each.value for each in call.keywords}
        if name in _BREAKING:
            found.append(f"{name}: {_BREAKING[name]}")
        if name == "alter_column" and (
            "new_column_name" in given
            or "type_" in given
            or (isinstance(given.get("nullable"), ast.Constant) and given["nullable"].value is False)
        ):
            found.append("alter_column: old nodes write what it refuses")
        if name == "add_column":
            column = next((arg for arg in call.args if isinstance(arg, ast.Call)), None)
            options = {each.arg: each.value for each in column.keywords} if column else {}
            required = (
                isinstance(options.get("nullable"), ast.Constant) and options["nullable"].value is False
            )
            if required and "server_default" not in options:
                found.append("add_column: old nodes insert rows without it; give it a server_default")
    return found


@pytest.mark.parametrize(
    ("body", "safe"),
    [
        ("op.create_table('t', sa.Column('a', sa.Text(), nullable=False))", True),
        ("op.add_column('t', sa.Column('a', sa.Text(), nullable=True))", True),
        ("op.add_column('t', sa.Column('a', sa.Text(), server_default='', nullable=False))", True),
        ("op.add_column('t', sa.Column('a', sa.Text(), nullable=False))", False),
        ("op.drop_column('t', 'a')", False),
        ("op.drop_table('t')", False),
        ("op.alter_column('t', 'a', new_column_name='b')", False),
        ("op.alter_column('t', 'a', nullable=False)", False),
        ("op.alter_column('t', 'a', nullable=True)", True),
    ],
)
def test_what_breaks_old_nodes_is_seen(body: str, safe: bool) -> None:
    source = f"def upgrade():\n    {body}\n"
    assert (breaking(source) == []) is safe
    assert breaking(f"CONTRACTS = 'nobody knows it since 0.2'\n{source}") == []


def test_no_migration_breaks_nodes_that_still_serve() -> None:
    versions = Path(migrations.__file__).parent / "versions"
    newer = [path for path in versions.glob("0*.py") if int(path.name[:4]) >= FIRST_SAFE]
    assert {path.name: found for path in newer if (found := breaking(path.read_text()))} == {}
