"""One installation for each test, on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postwright.kernel.db import Db
from tests.world import World, world


@pytest.fixture
async def api(db: Db, tmp_path: Path) -> AsyncIterator[World]:
    async with world(db, tmp_path) as made:
        yield made
