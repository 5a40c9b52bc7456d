"""A real SMTP server for tests: keeps what it gets, and misbehaves on demand.

python -m postwright.testing.sink --port 2526     prints a line for each message
"""

import argparse
import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from postwright.mail.smtp import DROP, Envelope, Policy, Reply, Session, SmtpServer


@dataclass(frozen=True)
class Message:
    """A message as it arrived."""

    sender: str
    recipients: list[str]
    data: bytes
    peer: str
    tls: bool
    helo: str
    at: float  # time.monotonic()


@dataclass
class _Fault:
    local: str
    at: str  # CONNECT · MAIL · RCPT · DATA · MESSAGE
    reply: Reply | None
    drop: str  # "" · connect · mail · rcpt · data · before-reply · after-dot
    delay: float
    times: int | None  # None: always

    def strikes(self) -> bool:
        """Whether it happens this time."""
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


@dataclass
class Counts:
    """What was seen."""

    connections: int = 0
    mail: int = 0
    rcpt: int = 0
    data: int = 0
    open: int = 0
    peak_open: int = 0
    senders: list[str] = field(default_factory=list)


class Sink(Policy):
    """An SMTP server on a free port of 127.0.0.1: `async with Sink() as sink`.

    `fail("bob", 550, "5.1.1 No", at="RCPT")` refuses recipients whose local part is bob (`*`: all);
    `drop="after-dot"` takes the message and hangs up without a reply, `drop="mail"` (rcpt, data, connect) hangs
    up at that command; `delay` waits that many seconds before the reply. `times` limits how often.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        pipelining: bool = True,
        max_size: int = 50 * 1024 * 1024,
        on_message: Callable[[Message], None] | None = None,
    ) -> None:
        super().__init__(hostname="sink.test", tls=tls, pipelining=pipelining, max_size=max_size)
        self.host = host
        self.port = port
        self.messages: list[Message] = []
        self.counts = Counts()
        self._faults: list[_Fault] = []
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Condition()
        self._on_message = on_message
        self._local: dict[int, str] = {}  # the last recipient of a session

    def fail(
        self,
        local: str,
        code: int = 0,
        text: str = "",
        *,
        at: str = "RCPT",
        drop: str = "",
        delay: float = 0.0,
        times: int | None = None,
    ) -> None:
        """Script a fault, see the class."""
        reply = Reply(code, "", text) if code else None
        self._faults.append(_Fault(local, at, reply, drop, delay, times))

    async def wait(self, count: int = 1, timeout: float = 10.0) -> list[Message]:
        """The first `count` messages, once there are so many. Raises TimeoutError saying how many came."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: len(self.messages) >= count)
        except TimeoutError as late:
            raise TimeoutError(f"{len(self.messages)} of {count} messages came in {timeout} s") from late
        return self.messages[:count]

    async def connect(self, session: Session) -> Any:
        """Count, and maybe refuse."""
        self.counts.connections += 1
        return await self._strike("CONNECT", "connect", "*")

    async def mail_from(self, session: Session, address: str, params: dict[str, str]) -> Any:
        """Count, and maybe refuse."""
        self.counts.mail += 1
        self.counts.senders.append(address)
        return await self._strike("MAIL", "mail", "*")

    async def rcpt_to(self, session: Session, address: str, params: dict[str, str]) -> Any:
        """Count, and maybe refuse."""
        self.counts.rcpt += 1
        self._local[id(session)] = address.rpartition("@")[0]
        return await self._strike("RCPT", "rcpt", address.rpartition("@")[0])

    async def data(self, session: Session) -> Any:
        """Count, and maybe refuse."""
        self.counts.data += 1
        return await self._strike("DATA", "data", self._local.get(id(session), ""))

    async def message(self, session: Session, envelope: Envelope) -> Any:
        """Keep the message."""
        local = envelope.recipients[0].rpartition("@")[0]
        refused = await self._strike("MESSAGE", "before-reply", local)
        if refused is not None:
            return refused
        message = Message(
            envelope.sender,
            list(envelope.recipients),
            envelope.data,
            session.peer,
            session.tls,
            session.helo,
            time.monotonic(),
        )
        async with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        if self._on_message is not None:
            self._on_message(message)
        return await self._strike("REPLY", "after-dot", local) or Reply(250, "2.0.0", "OK")

    async def _strike(self, at: str, drop: str, local: str) -> Any:
        for fault in self._faults:
            if fault.local not in ("*", local) or (fault.drop or drop) != drop:
                continue
            if (fault.drop or fault.at == at) and fault.strikes():
                if fault.delay:
                    await asyncio.sleep(fault.delay)
                if fault.drop:
                    return DROP
                if fault.reply is not None:
                    return fault.reply
        return None

    async def start(self) -> None:
        """Begin to listen; on the same port again after a stop."""
        loop = asyncio.get_running_loop()
        self.draining = False
        self._server = await loop.create_server(lambda: SmtpServer(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and hang up on everybody."""
        if self._server is not None:
            self._server.close()
            for connection in list(self.connections):
                connection.abort()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def _serve(host: str, port: int) -> None:
    def show(message: Message) -> None:
        print(f"{message.sender} -> {', '.join(message.recipients)}  {len(message.data)} bytes", flush=True)

    async with Sink(host=host, port=port, on_message=show) as sink:
        print(f"sink on {sink.host}:{sink.port}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Run a sink until Ctrl-C."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2526)
    options = parser.parse_args()
    asyncio.run(_serve(options.host, options.port))


if __name__ == "__main__":
    main()
