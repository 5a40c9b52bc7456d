"""The API on both databases, events that simply happen, and a sealer that seals when told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from postwright import domains, events
from postwright.analytics import Ledger, Sealer
from postwright.kernel.db import Db
from tests.world import Tenant, World, world

START = 1_800_000_000_000_000  # Fri, 15 Jan 2027 08:00:00
HOUR = 3_600_000_000
DAY = 24 * HOUR


class Stage:
    """Where events happen, are sealed, and are asked about."""

    def __init__(self, api: World) -> None:
        self.api = api
        self.sealer = Sealer(api.context.settings, api.db, api.clock)
        self.ledger = Ledger(api.context.settings, api.db, api.clock)
        api.clock.advance((START - api.clock.now()) / 1_000_000)
        self._ids: dict[str, str] = {}

    async def happen(self, at: int, *told: dict[str, Any], tenant: Tenant | None = None) -> None:
        """Events with these members, all at one time (times may only grow)."""
        of = tenant or self.api.one
        if of.domain not in self._ids:
            found = await self.api.db.read(domains.find, of.account_id, of.domain)
            assert found is not None
            self._ids[of.domain] = found.id
        made = []
        for each in told:
            data = {
                "account": {"id": of.account_id},
                "domain": {"name": each.get("domain", of.domain)},
                **{
                    name: value for name, value in each.items() if name not in ("event", "severity", "domain")
                },
            }
            made.append(
                events.Event(
                    name=each["event"],
                    severity=each.get("severity", ""),
                    account_id=of.account_id,
                    domain_id=self._ids[of.domain],
                    recipient=each.get("recipient", ""),
                    message_id=each.get("message", {}).get("headers", {}).get("message-id", ""),
                    data=data,
                )
            )
        await self.api.db.write(events.append, at, made)

    async def metrics(self, *, usage: bool = False, **query: Any) -> Any:
        """The answer to a metrics query."""
        path = "/v1/analytics/usage/metrics" if usage else "/v1/analytics/metrics"
        return await self.api.ok("POST", path, json=query)

    async def logs(self, **query: Any) -> Any:
        """The answer to a logs query."""
        return await self.api.ok("POST", "/v1/analytics/logs", json=query)

    async def refused(self, path: str, **query: Any) -> str:
        """Why a query is refused."""
        answer = await self.api.call("POST", f"/v1/analytics/{path}", json=query)
        assert answer.status_code == 400, answer.text
        message: str = answer.json()["message"]
        return message

    def child(self, name: str) -> Tenant:
        """A subaccount of `one` with a domain."""
        return self.api.tenant(name, self.api.one.account_id)


@pytest.fixture
async def stage(db: Db, tmp_path: Path) -> AsyncIterator[Stage]:
    async with world(db, tmp_path) as api:
        yield Stage(api)
