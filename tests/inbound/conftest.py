"""An MX door with its worker on a real store, and peers that speak to it."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from postwright import domains, events
from postwright.apps import receiving
from postwright.apps.smtp import acceptor
from postwright.apps.tls import self_signed_context
from postwright.arrivals import Arrival, Effect, Handler, Head, Target
from postwright.domains import store
from postwright.inbound import Directory, InboundWorker
from postwright.inbound.smtp import MxPolicy
from postwright.kernel.db import Db, Read, Write
from postwright.mail.smtp import SmtpServer
from postwright.messages.smtp import SubmissionPolicy
from tests.world import World, world

DOMAIN = "one.example.com"
MESSAGE = (
    b"From: Ann <ann@there.test>\r\nTo: bob@one.example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-Id: <one@there.test>\r\n\r\nHello.\r\n"
)
NAME = "mx.postwright.test"


class Collect:
    """A handler that takes addresses with certain local parts, and remembers what it was given."""

    name = "collect"
    exclusive = False

    def __init__(self, *locals_: str) -> None:
        self.locals = set(locals_)
        self.header: str | None = None  # when set, only messages with this field are taken
        self.got: list[tuple[Arrival, Target, bytes]] = []
        self.applied: list[str] = []
        self.fail: list[Exception] = []

    def takes(self, tx: Read, target: Target, head: Head | None) -> bool:
        if target.address.partition("@")[0].lower() not in self.locals:
            return False
        return head is None or self.header is None or any(name == self.header for name, _ in head)

    async def handle(self, arrival: Arrival, target: Target, message: bytes) -> Effect | None:
        if self.fail:
            raise self.fail.pop(0)
        self.got.append((arrival, target, message))

        def apply(tx: Write) -> None:
            self.applied.append(target.address)

        return apply


def _replies(peer: socket.socket, count: int) -> tuple[bytes, bool]:
    """Read until so many replies came, or the connection ended; and whether it is still open."""
    got = b""
    while sum(line[3:4] == b" " for line in got.splitlines()) < count or not got.endswith(b"\n"):
        try:
            more = peer.recv(65536)
        except ConnectionError:
            more = b""
        if not more:
            return got, False
        got += more
    return got, True


class Mx:
    """The door of a world, and its worker."""

    def __init__(
        self, api: World, policy: MxPolicy, worker: InboundWorker, collect: Collect, port: int
    ) -> None:
        self.api, self.policy, self.worker, self.collect, self.port = api, policy, worker, collect, port

    async def ask(self, work: Callable[[smtplib.SMTP], Any], *, tls: bool = False) -> Any:
        """Run a client in a thread."""

        def run() -> Any:
            with smtplib.SMTP("127.0.0.1", self.port, "client.there.test", timeout=20) as client:
                if tls:
                    context = ssl.create_default_context()
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                    client.starttls(context=context)
                client.ehlo()
                return work(client)

        return await asyncio.to_thread(run)

    async def send(
        self,
        raw: bytes = MESSAGE,
        to: str | list[str] = "bob@one.example.com",
        sender: str = "ann@there.test",
        **more: Any,
    ) -> tuple[int, str]:
        """Send a message whose lines are as they are; the last reply."""
        recipients = [to] if isinstance(to, str) else to

        def work(client: smtplib.SMTP) -> tuple[int, bytes]:
            answer = client.mail(sender)
            if answer[0] != 250:
                return answer
            answers = [client.rcpt(recipient) for recipient in recipients]
            if all(code != 250 for code, _ in answers):
                return answers[0]
            client.putcmd("data")
            assert client.getreply()[0] == 354
            client.send(raw + b".\r\n")
            return client.getreply()

        code, text = await self.ask(work, **more)
        return code, text.decode()

    async def raw(self, *pieces: bytes, wait: float = 10.0) -> bytes:
        """Write pieces over one connection, each after all replies to the one before; everything that came back."""

        def run() -> bytes:
            with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as peer:
                got, open_ = _replies(peer, 1)
                for piece in pieces:
                    if not open_:
                        break
                    peer.sendall(piece)
                    in_message = got.splitlines()[-1].startswith(b"354")
                    commands = piece.rpartition(b"\r\n.\r\n")[2] if in_message else piece
                    more, open_ = _replies(peer, commands.count(b"\r\n") + in_message)
                    got += more
            return got

        return await asyncio.to_thread(run)

    async def work(self) -> None:
        """Let the worker do what is due."""
        while await self.worker.step():
            await self.worker.settle()

    async def told(self) -> list[dict[str, Any]]:
        """All events so far."""
        return [msgspec.json.decode(e.data) for e in await self.api.db.read(events.read, 0, 1000)]


@asynccontextmanager
async def opened(db: Db, folder: Path, **settings: Any) -> AsyncIterator[Mx]:
    """A door on `db`; `policy` among the settings changes its attributes."""
    changes = settings.pop("policy", {})
    async with world(db, folder, **({"delivery": "live"} | settings)) as api:
        context = api.context
        collect = Collect("bob", "eve", "everybody")
        handlers: list[Handler] = [*receiving.handlers(context), collect]
        submission = SubmissionPolicy(
            db=db,
            acceptor=acceptor(context),
            settings=context.settings,
            hostname=NAME,
            tls=self_signed_context(folder, NAME),
        )
        policy = receiving.policy(context, submission, self_signed_context(folder, NAME), Directory(handlers))
        policy.early_talker_seconds = 0.0
        for name, value in changes.items():
            setattr(policy, name, value)
        worker = InboundWorker(
            db=db, clock=context.clock, spool=context.spool, vault=context.vault, handlers=handlers
        )
        loop = asyncio.get_running_loop()
        async with await loop.create_server(partial(SmtpServer, policy), "127.0.0.1", 0) as server:
            yield Mx(api, policy, worker, collect, server.sockets[0].getsockname()[1])
            for connection in list(policy.connections):
                connection.abort()
        await policy.drain()


@pytest.fixture
async def mx(db: Db, tmp_path: Path) -> AsyncIterator[Mx]:
    async with opened(db, tmp_path) as door:
        yield door


async def change(door: Mx, name: str = DOMAIN, **columns: Any) -> None:
    """Change columns of a domain."""
    domain = await door.api.db.read(domains.find, door.api.one.account_id, name)
    assert domain is not None
    await door.api.db.write(store.set_domain, domain.id, columns)
