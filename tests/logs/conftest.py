"""The API on both databases, and events that simply happen."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright import domains, events
from postwright.kernel.db import Db
from tests.world import Tenant, World, world


class Log:
    """The API, and the log from behind."""

    def __init__(self, api: World) -> None:
        self.api = api
        self._ids: dict[str, str] = {}

    async def happen(
        self,
        *numbers: int,
        at: int | None = None,
        tenant: Tenant | None = None,
        db: Db | None = None,
        **more: Any,
    ) -> None:
        """One event a number, all at once; `data` has the number as user variable `n`."""
        of = tenant or self.api.one
        store = db or self.api.db
        if of.domain not in self._ids:
            found = await self.api.db.read(domains.find, of.account_id, of.domain)
            assert found is not None
            self._ids[of.domain] = found.id
        made = [
            events.Event(
                account_id=of.account_id,
                domain_id=self._ids[of.domain],
                data={"user-variables": {"n": str(n)}, **more.get("data", {})},
                **{"name": "delivered"} | {k: v for k, v in more.items() if k != "data"},
            )
            for n in numbers
        ]
        await store.write(events.append, self.api.clock.now() if at is None else at, made)

    async def get(self, url: str, **more: Any) -> tuple[list[int], dict[str, str]]:
        """The numbers of a page, and its links."""
        body = await self.api.ok("GET", url.removeprefix("https://api.test"), **more)
        assert set(body) == {"items", "paging"}
        return [int(item["user-variables"]["n"]) for item in body["items"]], body["paging"]

    async def find(self, **query: Any) -> list[int]:
        """The numbers of the first page of a search."""
        return (await self.get("/v3/{d}/events", params=query))[0]


@pytest.fixture
async def log(db: Db, tmp_path: Path) -> AsyncIterator[Log]:
    async with world(db, tmp_path) as api:
        yield Log(api)
