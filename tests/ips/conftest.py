"""The API on both databases, with addresses."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postwright import accounts
from postwright.ips.jobs import step
from postwright.kernel.db import Db
from tests.world import World, world

IPS = ["192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13"]
SHARED, FREE = "192.0.2.80", "192.0.2.90"


@pytest.fixture
def settings() -> dict[str, str]:
    return {"source_ips": ",".join([*IPS, f"{SHARED};shared", f"{FREE};free;band=gold"])}


@pytest.fixture
async def api(db: Db, tmp_path: Path, settings: dict[str, str]) -> AsyncIterator[World]:
    async with world(db, tmp_path, **settings) as made:
        yield made


def child(api: World, name: str = "kid") -> tuple[str, str]:
    """A subaccount of the first account: its id and a key."""
    made = api.db.write_now(
        accounts.create_account,
        api.clock.now(),
        name,
        "kid@example.com",
        api.context.vault,
        parent_id=api.one.account_id,
    )
    return made, api.key(made, "admin")


async def work(api: World) -> None:
    """Do what is left to the background."""
    while await api.db.write(step, api.clock.now()):
        pass
