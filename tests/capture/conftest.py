"""The API with its capture inbox, which real SMTP fills."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from postwright import domains
from postwright.capture import CapturePolicy
from postwright.kernel.db import Db
from postwright.mail.smtp import SendResult, SmtpClient, SmtpServer
from tests.world import Tenant, World, world

PATH = "/postwright/v1/capture/messages"


class Inbox:
    """An API, and a connection to its capture inbox."""

    def __init__(self, api: World, client: SmtpClient) -> None:
        self.api, self.client = api, client

    async def put(
        self,
        subject: str = "Hi",
        to: Sequence[str] = ("bob@there.test",),
        *,
        of: Tenant | None = None,
        raw: bytes = b"",
    ) -> SendResult:
        """Deliver a message of a tenant."""
        tenant = of or self.api.one
        domain = await self.api.db.read(domains.find, tenant.account_id, tenant.domain)
        assert domain is not None
        data = (
            raw
            or (
                f"From: Ann <ann@{tenant.domain}>\r\nTo: {to[0]}\r\nSubject: {subject}\r\n"
                f"Message-Id: <{subject.replace(' ', '.')}@{tenant.domain}>\r\n\r\n{subject}\r\n"
            ).encode()
        )
        return await self.client.send(f"bounce+x@{domain.return_host}", list(to), data)

    async def list(self, of: Tenant | None = None, **query: Any) -> Any:
        return await self.api.ok("GET", PATH, params=query, key=(of or self.api.one).key)


@pytest.fixture
async def inbox(db: Db, tmp_path: Path) -> AsyncIterator[Inbox]:
    async with world(db, tmp_path) as api:
        policy = CapturePolicy(db, api.clock, "mail.example.com")
        loop = asyncio.get_running_loop()
        async with await loop.create_server(partial(SmtpServer, policy), "127.0.0.1", 0) as server:
            client = await SmtpClient.connect(*server.sockets[0].getsockname())
            await client.ehlo("me.test")
            yield Inbox(api, client)
            await client.quit()
