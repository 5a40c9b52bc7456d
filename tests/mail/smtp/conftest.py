"""Both event loops; a server that remembers what it took; a peer that says exactly what the test says."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from postwright.apps.tls import self_signed_context
from postwright.mail.smtp import Envelope, Policy, Reply, Session, SmtpServer, Timeouts

PATIENCE = 10.0
QUICK = Timeouts(connect=2, greeting=2, ehlo=2, starttls=2, mail=2, data=2, block=2, dot=2, quit=0.5)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def server_tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return self_signed_context(tmp_path_factory.mktemp("tls"), "mx.test")


@pytest.fixture(scope="session")
def trusting() -> ssl.SSLContext:
    """A client that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Keeper(Policy):
    """Keeps what it accepts; the password is always `secret`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"hostname": "mx.test"} | options))
        self.taken: list[Envelope] = []
        self.senders: list[str] = []
        self.refused: dict[str, Reply] = {}
        self.hold: asyncio.Event | None = None  # messages are answered once it is set

    async def authenticate(self, session: Session, login: str, password: str) -> bool:
        if password == "secret":
            session.login = login
            return True
        return False

    async def mail_from(self, session: Session, address: str, params: dict[str, str]) -> Reply | None:
        self.senders.append(address)
        return None

    async def rcpt_to(self, session: Session, address: str, params: dict[str, str]) -> Reply | None:
        return self.refused.get(address)

    async def message(self, session: Session, envelope: Envelope) -> Reply:
        if self.hold is not None:
            await self.hold.wait()
        self.taken.append(envelope)
        return Reply(250, "2.0.0", f"message {len(self.taken)}")


class Peer:
    """A client of few words: what is written goes out as it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def write(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self.writer.write(chunk)
            await self.writer.drain()

    async def reply(self) -> tuple[int, str]:
        """The next reply, its lines joined with line feeds."""
        texts = []
        while True:
            line = await asyncio.wait_for(self.reader.readline(), PATIENCE)
            assert line.endswith(b"\r\n"), f"no reply but {line!r}"
            texts.append(line[4:-2].decode())
            if line[3:4] == b" ":
                return int(line[:3]), "\n".join(texts)

    async def codes(self, count: int) -> list[int]:
        return [(await self.reply())[0] for _ in range(count)]

    async def ask(self, line: str | bytes) -> int:
        """The code of the reply to one command."""
        await self.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return (await self.reply())[0]

    async def begin(self, *, rcpt: str = "b@x.test") -> None:
        """Everything before the message."""
        await self.write(f"EHLO me\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<{rcpt}>\r\nDATA\r\n".encode())
        assert await self.codes(4) == [250, 250, 250, 354]

    async def encrypt(self, context: ssl.SSLContext) -> None:
        await asyncio.wait_for(self.writer.start_tls(context, server_hostname="mx.test"), PATIENCE)

    async def ended(self) -> bytes:
        """What still comes until the server closes."""
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE)
        except ConnectionError:
            return b""


Dial = Callable[..., Awaitable[Peer]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    """Starts a server with a policy and connects to it; a policy that runs is connected to again."""
    servers: dict[int, asyncio.Server] = {}
    peers: list[Peer] = []

    async def connect(policy: Policy, *, tls: ssl.SSLContext | None = None, greeted: bool = True) -> Peer:
        if id(policy) not in servers:
            loop = asyncio.get_running_loop()
            servers[id(policy)] = await loop.create_server(
                lambda: SmtpServer(policy), "127.0.0.1", 0, ssl=tls and policy.tls
            )
        port = servers[id(policy)].sockets[0].getsockname()[1]
        peer = Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=tls))
        peers.append(peer)
        if greeted:
            assert (await peer.reply())[0] == 220
        return peer

    yield connect
    for peer in peers:
        peer.writer.transport.abort()
    for server in servers.values():
        server.close()
    await eventually(lambda: True)


Script = Callable[[Peer], Awaitable[None]]


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Starts a server that runs a script for each connection; its port."""
    servers: list[asyncio.Server] = []
    failures: list[BaseException] = []

    async def start(script: Script) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await script(Peer(reader, writer))
            except (ConnectionError, asyncio.IncompleteReadError):
                pass  # the client went away
            except AssertionError as wrong:
                failures.append(wrong)
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 26)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
    if failures:
        raise failures[0]


async def eventually(look: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not look():  # noqa: ASYNC110  what is looked at has no event
            await asyncio.sleep(0.005)
