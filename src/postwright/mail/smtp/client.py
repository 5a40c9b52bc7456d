"""Sending over one SMTP connection (RFC 5321, 2920, 1870, 6531, 3207)."""

import asyncio
import re
import ssl
import time
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from .replies import Answer, parse_reply

MAX_BUFFER = 64 * 1024  # octets of unread replies
Capabilities = dict[str, str]  # keyword in upper case: its parameters
_LINE = re.compile(rb"\d{3}(?:[ -]|$)")


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds to wait at each step (delivery-engineering.md 2.6, column "ours"; RFC 5321 §4.5.3.2)."""

    connect: float = 30.0
    greeting: float = 120.0
    ehlo: float = 120.0
    starttls: float = 30.0
    mail: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
    quit: float = 5.0


class ConnectError(Exception):
    """No connection, or nothing that greets like an SMTP server: nothing was sent."""


class Disconnected(Exception):
    """The connection was lost, or timed out, at `stage`.

    `after_dot`: the whole message had been written, so that the server may have it although it did not say so.
    """

    def __init__(self, stage: str, *, after_dot: bool = False, reason: str = "") -> None:
        self.stage, self.after_dot = stage, after_dot
        super().__init__(f"connection lost at {stage}" + (f": {reason}" if reason else ""))


class SmtpError(Exception):
    """The server refused `command`."""

    def __init__(self, reply: Answer) -> None:
        self.reply, self.command = reply, reply.command
        super().__init__(f"{reply.code} {reply.enhanced} {reply.text}")


class TlsFacts(msgspec.Struct, frozen=True):
    """What was agreed on."""

    version: str
    cipher: str


class SendResult(msgspec.Struct, frozen=True):
    """What became of a message: for each recipient the reply that decided. Phases in seconds."""

    recipients: list[Answer]
    envelope_seconds: float
    data_seconds: float


class SmtpClient(asyncio.Protocol):
    """One connection to a server; one caller at a time."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._buffer = b""
        self._lines: list[bytes] = []
        self._answers: list[list[bytes]] = []
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._lost: str | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.capabilities: Capabilities = {}
        self.tls: TlsFacts | None = None
        self.reusable = False
        self.peer_address = ""
        self.local_address = ""

    @classmethod
    async def connect(
        cls, host: str, port: int, *, source: str | None = None, timeouts: Timeouts | None = None
    ) -> "SmtpClient":
        """Connect to an address (from `source`, if given) and read the greeting. Raises ConnectError, SmtpError."""
        timeouts = timeouts or Timeouts()
        client = cls(timeouts)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeouts.connect):
                await loop.create_connection(
                    lambda: client, host, port, local_addr=(source, 0) if source else None
                )
        except (OSError, TimeoutError) as wrong:
            raise ConnectError(str(wrong) or "timed out") from wrong
        try:
            (greeting,) = await client._read(1, ("",), "the greeting", timeouts.greeting)
        except Disconnected as lost:
            client.abort()
            raise ConnectError(str(lost)) from lost
        if greeting.code != 220:
            client.abort()
            raise SmtpError(greeting)
        client.reusable = True
        return client

    async def ehlo(self, name: str) -> Capabilities:
        """Introduce ourselves as `name`; what the server can do. Raises SmtpError, Disconnected."""
        self._write(b"EHLO %s\r\n" % name.encode("ascii", "replace"))
        (lines,) = await self._lines_of(1, "EHLO", self._timeouts.ehlo)
        answer = self._parse(lines, "EHLO")
        if 500 <= answer.code < 600:
            self._write(b"HELO %s\r\n" % name.encode("ascii", "replace"))
            (answer,) = await self._read(1, ("HELO",), "HELO", self._timeouts.ehlo)
            lines = []
        if not answer.ok:
            raise SmtpError(answer)
        self.capabilities = {}
        for line in lines[1:]:
            word, _, rest = line[4:].decode("ascii", "replace").strip().partition(" ")
            self.capabilities[word.upper()] = rest
        return self.capabilities

    async def starttls(self, context: ssl.SSLContext, *, server_hostname: str) -> TlsFacts:
        """Encrypt. Raises SmtpError, Disconnected, ssl.SSLError; after the last two the connection is gone.

        The caller says EHLO again: what the server said before is void (RFC 3207 §4.2).
        """
        self._write(b"STARTTLS\r\n")
        (answer,) = await self._read(1, ("STARTTLS",), "STARTTLS", self._timeouts.starttls)
        if answer.code != 220:
            raise SmtpError(answer)
        # Anything that came in clear behind the reply was not said by who holds the certificate.
        self._buffer, self._lines, self._answers = b"", [], []
        loop = asyncio.get_running_loop()
        self.reusable = False
        try:
            transport = await loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=server_hostname,
                ssl_handshake_timeout=self._timeouts.starttls,
            )
        except ssl.SSLError:
            self.abort()
            raise
        except (OSError, TimeoutError) as wrong:
            self.abort()
            raise Disconnected("STARTTLS", reason=str(wrong)) from wrong
        if transport is None:
            raise Disconnected("STARTTLS")
        self._transport = transport
        ssl_object = transport.get_extra_info("ssl_object")
        cipher = ssl_object.cipher()
        self.tls = TlsFacts(ssl_object.version() or "", cipher[0] if cipher else "")
        self.capabilities = {}
        self.reusable = True
        return self.tls

    async def send(
        self, sender: str, recipients: Sequence[str], data: bytes, *, smtputf8: bool = False
    ) -> SendResult:
        """Send one message. Raises SmtpError when MAIL or DATA is refused, Disconnected, ValueError.

        `data` has CRLF line ends; a lone CR or LF is a ValueError.
        """
        lines = data.count(b"\r\n")
        if data.count(b"\n") != lines or data.count(b"\r") != lines:
            raise ValueError("a message must have CRLF line ends only")
        refusal = self._cannot(len(data), smtputf8)
        if refusal is not None:
            return SendResult([refusal] * len(recipients), 0.0, 0.0)
        started = time.monotonic()
        replies, ready = await self._envelope(self._commands(sender, recipients, len(data), smtputf8))
        accepted = [at for at, reply in enumerate(replies) if reply.ok]
        if not accepted:
            if ready.code == 354:
                # Refused all, yet wants the message: an empty one ends it (RFC 2920 §3.1).
                self._write(b".\r\n")
                await self._read(1, ("DATA",), "the empty message", self._timeouts.dot)
            elif ready.code != 421:
                await self._reset()
            return SendResult(replies, time.monotonic() - started, 0.0)
        if ready.code != 354:
            if ready.code != 421:
                await self._reset()
            raise SmtpError(ready)
        sent = time.monotonic()
        final = await self._message(data)
        for at in accepted:
            replies[at] = final
        return SendResult(replies, sent - started, time.monotonic() - sent)

    async def quit(self) -> None:
        """Say goodbye and close; never raises."""
        if self._lost is None and not self._transport.is_closing():
            try:
                self._write(b"QUIT\r\n")
                await self._lines_of(1, "QUIT", self._timeouts.quit)
            except Disconnected:
                pass
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # -- sending

    def _cannot(self, size: int, smtputf8: bool) -> Answer | None:
        """The refusal that the server would give, known before asking it."""
        if smtputf8 and "SMTPUTF8" not in self.capabilities:
            # RFC 6531 §3.2: such a message must not go to a server that does not say it can.
            return Answer(
                550, "5.6.7", "The server does not support internationalised mail (SMTPUTF8)", "MAIL"
            )
        limit = self.capabilities.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit) < size:
            return Answer(552, "5.3.4", f"The server takes messages of {limit} bytes at most", "MAIL")
        return None

    def _commands(self, sender: str, recipients: Sequence[str], size: int, smtputf8: bool) -> list[bytes]:
        mail = f"MAIL FROM:<{sender}>"
        if "SIZE" in self.capabilities:
            mail += f" SIZE={size}"
        if smtputf8:
            mail += " SMTPUTF8"
        commands = [mail, *(f"RCPT TO:<{recipient}>" for recipient in recipients), "DATA"]
        if any("\r" in command or "\n" in command for command in commands):
            raise ValueError("an address must not contain line breaks")
        return [f"{command}\r\n".encode() for command in commands]

    async def _envelope(self, commands: list[bytes]) -> tuple[list[Answer], Answer]:
        """MAIL, RCPTs and DATA; the replies to the RCPTs, and the one to DATA. Raises SmtpError for MAIL."""
        names = ("MAIL", *("RCPT",) * (len(commands) - 2), "DATA")
        if "PIPELINING" in self.capabilities:
            self._write(b"".join(commands))
            mail, *rest, ready = await self._read(len(commands), names, "the envelope", self._timeouts.mail)
            if not mail.ok:
                if ready.code == 354:
                    self._write(b".\r\n")
                    await self._read(1, ("DATA",), "the empty message", self._timeouts.dot)
                elif mail.code != 421:
                    await self._reset()
                raise SmtpError(mail)
            return rest, ready
        answers: list[Answer] = []
        for name, command in zip(names[:-1], commands[:-1], strict=True):
            self._write(command)
            answers += await self._read(1, (name,), name, self._timeouts.mail)
            if name == "MAIL" and not answers[0].ok:
                raise SmtpError(answers[0])
        if not any(answer.ok for answer in answers[1:]):
            return answers[1:], Answer(503, "5.5.1", "no recipients", "DATA")
        self._write(commands[-1])
        (ready,) = await self._read(1, ("DATA",), "DATA", self._timeouts.data)
        return answers[1:], ready

    async def _message(self, data: bytes) -> Answer:
        if data.startswith(b".") or b"\r\n." in data:
            # RFC 5321 §4.5.2: a line that begins with a dot gets another.
            data = data.replace(b"\r\n.", b"\r\n..")
            data = b"." + data if data.startswith(b".") else data
        end = b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"
        self._write(data)
        self._write(end)
        if not self._writable.is_set():
            try:
                async with asyncio.timeout(self._timeouts.block):
                    await self._writable.wait()
            except TimeoutError as late:
                self.abort()
                raise Disconnected("the message", reason="timed out") from late
        (final,) = await self._read(
            1, ("DATA",), "the reply to the message", self._timeouts.dot, after_dot=True
        )
        return final

    async def _reset(self) -> None:
        self._write(b"RSET\r\n")
        await self._read(1, ("RSET",), "RSET", self._timeouts.mail)

    # -- the connection

    def _write(self, data: bytes) -> None:
        if self._lost is None:
            self._transport.write(data)

    async def _read(
        self, count: int, commands: Sequence[str], stage: str, timeout: float, *, after_dot: bool = False
    ) -> list[Answer]:
        """The next `count` replies. Raises Disconnected."""
        lines = await self._lines_of(count, stage, timeout, after_dot=after_dot)
        answers = [self._parse(one, command) for one, command in zip(lines, commands, strict=True)]
        if any(answer.code == 421 for answer in answers):
            self.reusable = False  # it closes (RFC 5321 §3.8)
        return answers

    def _parse(self, lines: list[bytes], command: str) -> Answer:
        try:
            return parse_reply(lines, command)
        except ValueError as wrong:
            self.abort()
            raise Disconnected(command or "the greeting", reason=f"not SMTP: {wrong}") from wrong

    async def _lines_of(
        self, count: int, stage: str, timeout: float, *, after_dot: bool = False
    ) -> list[list[bytes]]:
        if len(self._answers) < count:
            if self._lost is not None:
                self.reusable = False
                raise Disconnected(stage, after_dot=after_dot, reason=self._lost)
            loop = asyncio.get_running_loop()
            self._wanted = count
            self._waiter = loop.create_future()
            timer = loop.call_later(timeout, self._expire)
            try:
                await self._waiter
            except ConnectionError as lost:
                self.reusable = False
                raise Disconnected(stage, after_dot=after_dot, reason=str(lost)) from lost
            finally:
                timer.cancel()
                self._waiter = None
        taken = self._answers[:count]
        del self._answers[:count]
        return taken

    def _expire(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError("timed out"))
        self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is connected."""
        self._transport = cast(asyncio.Transport, transport)
        self.peer_address = _address(transport.get_extra_info("peername"))
        self.local_address = _address(transport.get_extra_info("sockname"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._lost = str(exc) if exc else "closed by the server"
        self.reusable = False
        self._writable.set()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(self._lost))

    def pause_writing(self) -> None:
        """The server reads slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Collect replies."""
        data = self._buffer + data if self._buffer else data
        *lines, self._buffer = data.split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r")
            if not _LINE.match(line) or len(self._lines) > 1000:
                self._fail("not an SMTP reply")
                return
            self._lines.append(line)
            if line[3:4] != b"-":
                self._answers.append(self._lines)
                self._lines = []
        if len(self._buffer) > MAX_BUFFER or len(self._answers) > 5000:
            self._fail("replies without end")
            return
        if self._waiter is not None and len(self._answers) >= self._wanted and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, reason: str) -> None:
        self._lost = reason
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(reason))
        self.abort()


def _address(name: Any) -> str:
    return str(name[0]) if isinstance(name, tuple) and name else ""
