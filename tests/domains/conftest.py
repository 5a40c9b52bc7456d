"""The API on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postwright.kernel.db import Db
from tests.world import World, world


@pytest.fixture
def settings() -> dict[str, str]:
    """What a test file may want to be different."""
    return {}


@pytest.fixture
async def api(db: Db, tmp_path: Path, settings: dict[str, str]) -> AsyncIterator[World]:
    async with world(db, tmp_path, **settings) as made:
        yield made
