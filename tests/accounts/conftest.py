"""Accounts in a real store, behind a real HTTP server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import uvicorn
import yarl
from sqlalchemy import update

from postwright.accounts import Area, NewKey, Principal, accounts, api_keys, create_account, create_key
from postwright.accounts.api import CONTROLLERS
from postwright.accounts.auth import Authenticator, principal
from postwright.kernel.clock import Clock, ManualClock
from postwright.kernel.db import Db, Read, Write, open_db
from postwright.kernel.http import Controller, get, make_app, post
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import load

Call = Callable[..., Awaitable["Answer"]]


class Answer(msgspec.Struct):
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, which must be labelled as JSON."""
        assert self.headers["content-type"] == "application/json"
        return msgspec.json.decode(self.text)


class Seen(msgspec.Struct):
    """What the handlers of the probe see."""

    account_id: str
    key_id: str
    domain: str = ""


class Mail(msgspec.Struct, kw_only=True):
    """Some body."""

    text: str = ""


class Probe(Controller):
    """Operations of other concepts, as far as the guard is concerned."""

    @post("/v3/{domain:str}/messages", id="probe.send", access=Area.SENDING)
    async def send(self, principal: Principal, domain: str, fields: Mail) -> Seen:
        """Send."""
        return Seen(principal.account_id, principal.key_id, domain)

    @post("/v3/{domain:str}/messages.mime", id="probe.send_mime", access=Area.SENDING)
    async def send_mime(self, principal: Principal, domain: str, fields: Mail) -> Seen:
        """Send."""
        return Seen(principal.account_id, principal.key_id, domain)

    @get("/v3/domains/{domain:str}/messages/{key:str}", id="probe.read", access=Area.MESSAGES)
    async def read(self, principal: Principal, domain: str, key: str) -> Seen:
        """Read."""
        return Seen(principal.account_id, principal.key_id, domain)

    @post("/v1/analytics/metrics", id="probe.metrics", access=Area.METRICS, reads=True)
    async def metrics(self, principal: Principal, fields: Mail) -> Seen:
        """Read by POST."""
        return Seen(principal.account_id, principal.key_id)


class World:
    """Two Db objects on one store, each with its own HTTP server, as two processes would have them."""

    def __init__(self, first: Db, second: Db, vault: Vault, clock: ManualClock) -> None:
        self.db, self.other_db = first, second
        self.vault, self.clock = vault, clock
        self.owned: set[tuple[str, str]] = set()
        self._authenticators: list[Authenticator] = []

    def owns_domain(self, tx: Read, account_id: str, name: str) -> bool:
        """Stands for the concept of domains."""
        return (account_id, name) in self.owned

    async def account(self, name: str = "Acme", parent_id: str | None = None) -> str:
        """A new account."""
        now = self.clock.now()
        return await self.db.write(create_account, now, name, "owner@acme.test", self.vault, parent_id)

    async def key(self, account_id: str, role: str = "admin", **more: Any) -> NewKey:
        """A new key. Of role support too, which the API cannot make."""
        real = "admin" if role == "support" else role
        made = await self.db.write(create_key, self.clock.now(), account_id, role=real, **more)
        if real != role:
            await self.set_key(made.key.id, role=role)
        return made

    async def key_of(self, account_id: str, role: str) -> NewKey:
        """A new key of that role: for `sending` one of example.com."""
        more = {"kind": "domain", "domain_name": "example.com"} if role == "sending" else {}
        return await self.key(account_id, role, **more)

    async def set_key(self, key_id: str, **values: Any) -> None:
        """Change a row behind the program's back."""

        def change(tx: Write) -> int:
            return tx.run(update(api_keys).where(api_keys.c.id == key_id).values(values))

        assert await self.db.write(change) == 1

    async def set_account(self, account_id: str, **values: Any) -> None:
        """Change a row behind the program's back."""

        def change(tx: Write) -> int:
            return tx.run(update(accounts).where(accounts.c.id == account_id).values(values))

        assert await self.db.write(change) == 1

    def forget(self) -> None:
        """Let every process read what it knows anew, as if a second had passed."""
        for authenticator in self._authenticators:
            authenticator.forget()

    def app(self, db: Db) -> Any:
        """What a process serves."""
        authenticator = Authenticator(db, self.clock)
        self._authenticators.append(authenticator)
        return make_app(
            [*CONTROLLERS, Probe],
            constants={
                "db": db,
                "clock": self.clock,
                "vault": self.vault,
                "settings": load({}),
                "authenticator": authenticator,
                "owns_domain": self.owns_domain,
                "accepted": lambda tx, account_id, since: 0,
            },
            dependencies={"principal": principal},
            guards=[authenticator.guard],
        )


@pytest.fixture
async def world(store_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """An empty store."""
    first, second = open_db(store_url, tmp_path), open_db(store_url, tmp_path)
    yield World(first, second, Vault(bytes(32)), ManualClock(Clock().now()))
    await first.close()
    await second.close()


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve on a free port; the base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, loop="none", http="httptools", lifespan="off", log_config=None, access_log=False)
    )
    task = asyncio.create_task(server._serve([listener]))
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.005)
    try:
        yield "http://{}:{}".format(*listener.getsockname())
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest.fixture
async def base_url(world: World) -> AsyncIterator[str]:
    """The first process."""
    async with serving(world.app(world.db)) as url:
        yield url


@pytest.fixture
async def other_url(world: World) -> AsyncIterator[str]:
    """The second process."""
    async with serving(world.app(world.other_db)) as url:
        yield url


@pytest.fixture
async def call(base_url: str) -> AsyncIterator[Call]:
    """Makes a request, to the first process unless told otherwise: `await call("GET", "/v1/keys", secret)`."""
    async with aiohttp.ClientSession() as session:

        async def request(
            method: str,
            path: str,
            secret: str | None = None,
            *,
            base: str = base_url,
            headers: dict[str, str] | None = None,
            **more: Any,
        ) -> Answer:
            sent = dict(headers or {})
            if secret is not None:
                sent["Authorization"] = aiohttp.encode_basic_auth("api", secret)
            # Encoded as it is written: some paths here are spelt in odd ways on purpose.
            url = yarl.URL(base + path, encoded=True)
            asked = session.request(method, url, headers=sent, **more)
            async with asked as got:
                return Answer(got.status, {k.lower(): v for k, v in got.headers.items()}, await got.text())

        yield request
