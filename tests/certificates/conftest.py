"""An installation with an authority, whose questions its HTTP door really answers, on a clock that tests move."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from postwright.apps.http import _serve
from postwright.certificates import Issuer, Keyring
from postwright.certificates.web import ChallengeDoor
from postwright.kernel.db import Db
from postwright.testing.acme import AcmeServer
from postwright.testing.dns import FakeDns

from ..world import World, world

US = "mail.example.com"  # the installation's name
HOST = "email.one.example.com"
X509 = f"/v2/x509/{HOST}"


@dataclass
class Setup:
    """Everything together."""

    api: World
    authority: AcmeServer
    dns: FakeDns
    issuer: Issuer
    keyring: Keyring

    async def status(self) -> tuple[str, str | None]:
        found = await self.api.ok("GET", f"{X509}/status")
        return found["status"], found["error"]

    async def shown(self) -> dict[str, object]:
        (found,) = (await self.api.ok("GET", "/postwright/v1/certificates"))["items"]
        return dict(found)


async def nothing(scope: object, receive: object, send: object) -> None:
    """The application behind the door."""


@pytest.fixture
async def setup(db: Db, tmp_path: Path, fake_dns: FakeDns) -> AsyncIterator[Setup]:
    """An installation to which the tracking host of `one` leads."""
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    fake_dns.set(US, "A", "127.0.0.1")
    fake_dns.set(HOST, "CNAME", f"{US}.")
    async with AcmeServer(tmp_path, fake_dns.address, sock.getsockname()[1]) as authority:
        options = {
            "dns": fake_dns.address,
            "acme_directory": authority.directory,
            "acme_ca": str(authority.ca_path),
        }
        async with world(db, tmp_path, **options) as api:
            context = api.context
            stop, ready = asyncio.Event(), asyncio.Event()
            door = ChallengeDoor(nothing, db)
            serving = asyncio.create_task(_serve(context.settings, door, [sock], stop, ready.set))
            await ready.wait()
            issuer = Issuer(settings=context.settings, db=db, clock=api.clock, vault=context.vault)
            yield Setup(api, authority, fake_dns, issuer, Keyring(db, context.vault))
            stop.set()
            await serving
