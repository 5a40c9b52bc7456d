"""One browser and one server of each kind for all tests of the panel: starting them is what takes time."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from postwright.testing.server import Server
from postwright.testing.sink import Sink

from ..browser import browser as chromium
from ..e2e.conftest import DOMAIN
from .rig import OWNER, Panel, build, opened

HERE = Path(__file__).parent
COMMON = {"domain": DOMAIN, "owner_email": OWNER, "verify_domains": "trust", "rate_limits": "off"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The fixtures below live in the loop of the session, and so must the tests that use them.
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def built() -> None:
    """The panel, built from the sources as they are."""
    build()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def panel(
    built: None, browser: Browser, migrated: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Panel]:
    """The panel of a server in capture mode, shared by all tests: a test says what it looks at by names of its own."""
    async with (
        _started(
            tmp_path_factory.mktemp("capture"),
            migrated,
            source_ips="127.0.0.2=mx.example.com,127.0.0.3=mx2.example.com",
        ) as server,
        opened(server, browser) as found,
    ):
        yield found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def outside() -> AsyncIterator[Sink]:
    """The world that `live` sends to."""
    async with Sink() as sink:
        yield sink


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def live(
    built: None, browser: Browser, migrated: Path, outside: Sink, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Panel]:
    """The panel of a server that sends everything to the sink `outside`."""
    more = {
        "delivery": f"smarthost:127.0.0.1:{outside.port}",
        "allow_private_targets": "yes",
        "retry_schedule": "3600",
        "webhook_retry_schedule": "1",
    }
    folder = tmp_path_factory.mktemp("live")
    async with _started(folder, migrated, **more) as server, opened(server, browser) as found:
        yield found


def _started(folder: Path, migrated: Path, **settings: str) -> Server:
    server = Server(folder, **COMMON, **settings)
    data = Path(server.settings["data"])
    data.mkdir(parents=True, mode=0o700)
    shutil.copy(migrated / "state.db", data)
    return server


@pytest.fixture(autouse=True)
def _log(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"panel", "live"} & set(request.fixturenames):
        found: Panel = request.getfixturevalue(name)
        print(f"--- log of {name} ---\n{found.server.log_tail()[-4000:]}")  # shown when the test failed
