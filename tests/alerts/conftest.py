"""The API on both databases, events that simply happen, and the parts of alerts that run by themselves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from postwright.alerts import Evaluator
from postwright.alerts.tables import alert_calls
from postwright.apps.alerting import alert_sender
from postwright.apps.context import Context
from postwright.kernel.db import Db, Read
from postwright.testing.catcher import Answer, Catcher, Caught
from postwright.testing.sink import Sink
from tests.analytics.conftest import START, Stage
from tests.world import World, world

QUEUED, LEASED, DONE, GIVEN_UP = range(4)


class Slack:
    """A stand-in of Slack's API over real HTTP."""

    def __init__(self, catcher: Catcher) -> None:
        self.catcher = catcher
        self.error = ""
        self.token = "xoxb-1"
        catcher.script = self.answer

    def answer(self, call: Caught) -> Answer:
        """What Slack would say."""
        method = call.path.partition("?")[0].removeprefix("/api/")
        if call.headers.get("authorization") != f"Bearer {self.token}":
            return self.json(ok=False, error="invalid_auth")
        if self.error:
            return self.json(ok=False, error=self.error)
        channels = [{"id": f"C{n}", "name": f"room{n}", "is_archived": n == 2} for n in (1, 2, 3)]
        match method:
            case "conversations.list":
                if b"cursor=next" in call.body:
                    return self.json(ok=True, channels=channels[2:], response_metadata={"next_cursor": ""})
                return self.json(ok=True, channels=channels[:2], response_metadata={"next_cursor": "next"})
            case "conversations.info":
                found = [each for each in channels if f"channel={each['id']}".encode() in call.body]
                return (
                    self.json(ok=True, channel=found[0])
                    if found
                    else self.json(ok=False, error="channel_not_found")
                )
            case "chat.postMessage" | "auth.revoke":
                return self.json(ok=True)
        return Answer(404)

    @staticmethod
    def json(**body: Any) -> Answer:
        return Answer(200, msgspec.json.encode(body), {"Content-Type": "application/json"})


class AlertStage(Stage):
    """Alerts of `one`: who is told, and what has been said."""

    sink: Sink
    hook: Catcher
    slack: Slack

    def __init__(self, api: World) -> None:
        super().__init__(api)
        # Once more: the first step was of floating seconds, and may be a microsecond short.
        api.clock.advance((START - api.clock.now()) / 1_000_000)

    @property
    def context(self) -> Context:
        """The installation's own."""
        return self.api.context

    async def setting(self, channel: str, kind: str = "send_alert", **targets: Any) -> Any:
        """Let somebody be told."""
        body = {"event_type": kind, "channel": channel, "settings": targets}
        return await self.api.ok("POST", "/v1/alerts/settings/events", json=body)

    async def evaluate(self) -> int:
        """Judge all that is due."""
        return await Evaluator(self.api.db, self.api.clock, self.ledger).run_once()

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """A sender that runs."""
        stop = asyncio.Event()
        task = asyncio.create_task(alert_sender(self.context).run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def calls(self) -> list[Any]:
        """All calls."""
        return list(await self.api.db.read(_calls))

    async def until(self, happens: Callable[[list[Any]], bool], timeout: float = 20.0) -> list[Any]:
        """The calls, once `happens` is true of them."""
        deadline = time.monotonic() + timeout
        while not happens(found := await self.calls()):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)
        return found

    async def told(self) -> None:
        """Tell everybody who is due."""
        async with self.telling():
            await self.until(lambda rows: all(row.state in (DONE, GIVEN_UP) for row in rows))


def _calls(tx: Read) -> Any:
    return tx.rows(select(alert_calls).order_by(alert_calls.c.id))


@pytest.fixture
async def alerts(db: Db, tmp_path: Path, sink: Sink) -> AsyncIterator[AlertStage]:
    async with Catcher() as hook, Catcher() as slack:
        settings = {
            "delivery": f"smarthost:127.0.0.1:{sink.port}",
            "allow_private_targets": "loopback",
            "slack_url": slack.url("/api/"),
            "hostname": "mail.example.com",
        }
        async with world(db, tmp_path, **settings) as api:
            made = AlertStage(api)
            made.sink, made.hook, made.slack = sink, hook, Slack(slack)
            yield made


@pytest.fixture
async def capture(db: Db, tmp_path: Path, sink: Sink) -> AsyncIterator[AlertStage]:
    """An installation that sends nothing outside: its inbox is the sink."""
    async with world(db, tmp_path, hostname="mail.example.com") as api:
        (tmp_path / "capture.port").write_text(str(sink.port))
        made = AlertStage(api)
        made.sink = sink
        yield made
