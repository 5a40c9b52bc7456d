"""The API on both databases, with addresses."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright import accounts
from postwright.domains import of_name
from postwright.ips.jobs import step
from postwright.ips.records import Figures
from postwright.ips.store import reputations
from postwright.kernel.clock import SECOND
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


GOOD, POOR, NEW, SPARE = IPS  # of dynamic pools
POOLS = {"good_reputation": GOOD, "poor_reputation": POOR, "new_senders": NEW}
HOUR = 3600  # seconds


async def refused(api: World, method: str, path: str, **more: Any) -> tuple[int, str]:
    answer = await api.call(method, path, **more)
    return answer.status_code, answer.json()["message"]


async def set_up(api: World) -> None:
    await api.ok("POST", "/v3/dynamic_pools/all", data=POOLS)


async def enrol(api: World, domain: str = "{d}", **more: Any) -> None:
    assert await api.ok("POST", f"/v3/domains/{domain}/dynamic_pools", **more) == {"message": "success"}
    api.clock.advance(1)  # what comes now is later


async def counted(api: World, domain: str = "", **counts: int) -> None:
    """What came of mail of a domain, in the hour that it is."""
    name = domain or api.one.domain
    domain_id = await api.db.read(lambda tx: domain_id_of(tx, name))
    hour = api.clock.now() - api.clock.now() % (HOUR * SECOND)
    await api.db.write(reputations.add, {(f"domain:{domain_id}", hour): Figures(**counts)})


def domain_id_of(tx: Any, name: str) -> str:
    found = of_name(tx, name)
    assert found is not None
    return found.id
