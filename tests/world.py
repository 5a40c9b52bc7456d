"""The whole API in this process, on a real store, with two accounts: for tests of what operations answer."""

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from postwright import accounts, domains, ips
from postwright.apps.context import Context
from postwright.apps.http import build
from postwright.kernel.clock import ManualClock
from postwright.kernel.db import Db, lease_node
from postwright.kernel.http import Front
from postwright.kernel.ids import Sequence
from postwright.kernel.outgoing import Outgoing
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import load
from postwright.spool import Spool

_PAIR = domains.new_key(1024)  # one for all: making them is what takes time
_FRONTS: dict[str, list[Front]] = {}  # by public URL: applications that no test uses at the moment


@dataclass
class Tenant:
    """An account with one active domain, and an admin key."""

    account_id: str
    key: str
    domain: str


class World:
    """The API of one installation. `one` and `two` are strangers to each other."""

    def __init__(self, context: Context, client: httpx.AsyncClient) -> None:
        self.context = context
        self.clock: ManualClock = context.clock  # type: ignore[assignment]
        self.db = context.db
        self.client = client
        self.one = self.tenant("one.example.com")
        declared = ips.declared(context.settings)
        self.db.write_now(ips.declare, self.clock.now(), self.one.account_id, declared)
        self.clock.advance(0.001)  # the first account runs the installation
        self.two = self.tenant("two.example.org")

    def tenant(self, name: str, parent_id: str | None = None) -> Tenant:
        """Another account with a domain; below `parent_id`, a subaccount."""
        now, vault = self.clock.now(), self.context.vault
        account_id = self.db.write_now(accounts.create_account, now, name, f"owner@{name}", vault, parent_id)
        self.db.write_now(
            domains.create_first, now, vault, account_id, name, _PAIR, sandbox=False, postmaster_hash=""
        )
        return Tenant(account_id, self.key(account_id, "admin"), name)

    def key(self, account_id: str, role: str, **more: Any) -> str:
        """A new key of an account."""
        made = self.db.write_now(
            accounts.create_key, self.clock.now(), account_id, role=role, secret=secrets.token_hex(16), **more
        )
        return made.secret

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        """One request, by default with the key of `one`; `{d}` in the path is its domain."""
        basic = base64.b64encode(f"api:{self.one.key if key is None else key}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"} | more.pop("headers", {})
        return await self.client.request(
            method, path.replace("{d}", self.one.domain), headers=headers, **more
        )

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        """The JSON of a request that must succeed."""
        answer = await self.call(method, path, **more)
        assert 200 <= answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


@asynccontextmanager
async def world(db: Db, folder: Path, **settings: str) -> AsyncIterator[World]:
    """An installation on `db`."""
    env = {f"POSTWRIGHT_{name.upper()}": value for name, value in settings.items()}
    loaded = load({"POSTWRIGHT_DATA": str(folder), **env})
    clock = ManualClock()
    context = Context(
        settings=loaded,
        db=db,
        clock=clock,
        vault=Vault.from_file(folder / "secret.key"),
        spool=Spool(str(folder / "bodies")),
        sequence=Sequence(db.write_now(lease_node, "test", clock.now())),
        hostname="mail.example.com",
        capture_port=folder / "capture.port",
    )
    async with Outgoing(loaded) as outgoing:
        spare = _FRONTS.setdefault(loaded.public_url, [])
        front = build(context, outgoing, like=spare.pop() if spare else None)
        transport = httpx.ASGITransport(app=front, client=("192.0.2.1", 5))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="https://api.test") as client:
            yield World(context, client)
        spare.append(front)
