"""What every test may ask for: databases of both kinds, and real counterparts on free ports."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from postwright.kernel.db import Db, open_db
from postwright.kernel.db.migrate import migrate
from postwright.testing.catcher import Catcher
from postwright.testing.dns import FakeDns
from postwright.testing.postgres import Postgres
from postwright.testing.server import Server
from postwright.testing.sink import Sink

_POSTGRES = pytest.StashKey[Postgres]()
StartServer = Callable[..., Awaitable[Server]]


def pytest_configure(config: pytest.Config) -> None:
    # One PostgreSQL serves all workers of a run: the controlling process names its folder, the first worker
    # that needs it starts it, and the controlling process, which ends last, stops it.
    folder = getattr(config, "workerinput", {}).get("postgres")
    config.stash[_POSTGRES] = Postgres(Path(folder)) if folder else Postgres.temporary()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    node.workerinput["postgres"] = str(node.config.stash[_POSTGRES].folder)  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[_POSTGRES].stop()


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Postgres:
    """The PostgreSQL server of this run."""
    server = pytestconfig.stash[_POSTGRES]
    server.start()
    return server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database that all migrations made: running them again for each test takes most of its time."""
    url = postgres.create_database()
    migrate(url, tmp_path_factory.mktemp("migrated-postgres"))
    postgres.remember(url)
    yield url.rpartition("?")[0].rpartition("/")[2]
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def spare_databases(postgres: Postgres) -> Iterator[list[str]]:
    """Copies of the migrated database that no test uses: emptying one is a hundred times as fast as making one."""
    urls: list[str] = []
    yield urls
    for url in urls:
        postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database: the test runs once on SQLite (in its data folder) and once on PostgreSQL."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store, made by the migrations: on SQLite (in the test's folder) and on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated") / "state.db", tmp_path)
        yield "sqlite"
        return
    server: Postgres = request.getfixturevalue("postgres")
    template: str = request.getfixturevalue("migrated_postgres")
    spare: list[str] = request.getfixturevalue("spare_databases")
    url = spare.pop() if spare else server.create_database(template)
    yield url
    server.empty(url)
    spare.append(url)


@pytest.fixture
async def fake_dns() -> AsyncIterator[FakeDns]:
    """A DNS server with no records yet."""
    async with FakeDns() as server:
        yield server


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """An SMTP server that takes every message until told otherwise."""
    async with Sink() as server:
        yield server


@pytest.fixture
async def catcher() -> AsyncIterator[Catcher]:
    """A webhook receiver that answers 200 until told otherwise."""
    async with Catcher() as server:
        yield server


@pytest.fixture
async def start_server(tmp_path: Path, migrated: Path) -> AsyncIterator[StartServer]:
    """Starts a real `postwright serve` with the given settings; all are killed when the test ends.

    Its SQLite store has all migrations already, as after a restart: they would be most of the start.
    """
    servers: list[Server] = []

    async def start(**settings: str) -> Server:
        server = Server(tmp_path / f"server{len(servers)}", **settings)
        servers.append(server)
        if settings.get("database", "sqlite") == "sqlite":
            _prepare(Path(server.settings["data"]), migrated)
        await server.start()
        return server

    yield start
    for server in servers:
        await server.kill()
        print(f"--- log of {server.base_url} ---\n{server.log_tail()}")  # shown when the test failed


def _prepare(data: Path, migrated: Path) -> None:
    if not (data / "state.db").exists():
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy(migrated / "state.db", data)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an SQLite store that all migrations made."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate("sqlite", folder)
    return folder


@pytest.fixture
async def db(store_url: str, tmp_path: Path) -> AsyncIterator[Db]:
    """An empty store, made by the migrations."""
    opened = open_db(store_url, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_db(migrated: Path, tmp_path: Path) -> AsyncIterator[Db]:
    """An empty store on SQLite, for what does not depend on the database."""
    shutil.copy(migrated / "state.db", tmp_path)
    opened = open_db("sqlite", tmp_path)
    yield opened
    await opened.close()
