"""The throw-away PostgreSQL."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from postwright.testing import postgres as module
from postwright.testing.postgres import Postgres
from postwright.testing.processes import alive


def _databases(server: Postgres) -> set[str]:
    with psycopg.connect(server.url("postgres")) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_each_database_is_its_own_until_dropped(postgres: Postgres) -> None:
    one, two = postgres.create_database(), postgres.create_database()
    with psycopg.connect(one) as connection:
        connection.execute("CREATE TABLE only_here (x int)")
    with psycopg.connect(two) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM only_here")
    held = psycopg.connect(one)
    try:
        postgres.drop_database(one)  # although somebody is connected
    finally:
        held.close()
    postgres.drop_database(two)
    names = {url.partition("@/")[2].partition("?")[0] for url in (one, two)}
    assert not names & _databases(postgres)


def test_a_copy_has_what_the_template_has(postgres: Postgres) -> None:
    origin = postgres.create_database()
    with psycopg.connect(origin) as connection:
        connection.execute("CREATE TABLE word (x text)")
        connection.execute("INSERT INTO word VALUES ('kept')")
    copy = postgres.create_database(template=origin.partition("@/")[2].partition("?")[0])
    with psycopg.connect(copy) as connection:
        assert connection.execute("SELECT x FROM word").fetchall() == [("kept",)]
    postgres.drop_database(copy)
    postgres.drop_database(origin)


def test_processes_share_a_server_and_stop_leaves_nothing() -> None:
    server = Postgres.temporary()
    code = "import sys, pathlib; from postwright.testing.postgres import Postgres as P\n"
    code += "p = P(pathlib.Path(sys.argv[1])); p.start(); print(p.create_database())"
    command = [sys.executable, "-c", code, str(server.folder)]
    try:
        starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        urls = [starter.communicate()[0].strip() for starter in starters]
        assert len(set(urls)) == 2 and all(starter.returncode == 0 for starter in starters)
        for url in urls:  # the server outlives those who started it
            psycopg.connect(url).close()
        pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    finally:
        server.stop()
    assert not alive(pid) and not server.folder.exists()


def test_the_bundled_binaries_serve_where_none_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INSTALLED", Path("/nonexistent"))
    server = Postgres.temporary()
    try:
        server.start()
        with psycopg.connect(server.create_database()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()


def test_a_server_that_cannot_start_says_why() -> None:
    server = Postgres.temporary()
    (server.folder / "data").mkdir(parents=True)
    (server.folder / "data" / "in-the-way").touch()
    try:
        with pytest.raises(module.PostgresError, match="not empty"):
            server.start()
    finally:
        server.stop()


def test_emptying_brings_back_what_was_remembered(postgres: Postgres) -> None:
    url = postgres.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (id serial PRIMARY KEY, name text)")
        connection.execute("CREATE TABLE two (one_id int REFERENCES one (id))")
        connection.execute("INSERT INTO one (name) VALUES ('kept')")
    postgres.remember(url)
    left_open = psycopg.connect(url, autocommit=True)
    left_open.execute("UPDATE one SET name = 'changed'")
    left_open.execute("INSERT INTO one (name) VALUES ('new')")
    left_open.execute("INSERT INTO two VALUES (2)")
    postgres.empty(url)
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT * FROM one").fetchall() == [(1, "kept")]
        assert connection.execute("SELECT * FROM two").fetchall() == []
    postgres.drop_database(url)
