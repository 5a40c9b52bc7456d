"""Sending over one SMTP connection (RFC 5321, 2920, 1870, 6531, 3207)."""

import asyncio
import re
import ssl
import time
from collections.abc import Sequence
from typing import Any, cast

from .envelope import cannot, envelope
from .errors import ConnectError, Disconnected, SmtpError
from .facts import Capabilities, Dialogue, Opening, SendResult, Timeouts, TlsFacts, recipient_limit
from .replies import Answer, parse_reply

BLOCK = 64 * 1024  # octets of a message that must get through in the time for a block
# What is kept of replies. RFC 5321 §4.5.3.1.5 allows 512 octets a line; nobody asks more at once than MAIL, 1000
# RCPT and DATA.
MAX_LINE = 4096
MAX_LINES = 100
MAX_REPLIES = 1100
_TOO_MANY = Answer(452, "4.5.3", "The server takes fewer recipients at once", "RCPT")
_LINE = re.compile(rb"\d{3}(?:[ -]|$)")


class SmtpClient(asyncio.Protocol):
    """One connection to a server; one caller at a time."""

    def __init__(self, timeouts: Timeouts, dialogue: Dialogue) -> None:
        self._timeouts = timeouts
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._buffer = b""
        self._lines: list[bytes] = []
        self._answers: list[list[bytes]] = []
        self._waiter: asyncio.Future[None] | None = None
        self._lost: str | None = None
        self._unsent = False  # something was written that never left
        self._writable = asyncio.Event()
        self._writable.set()
        self.capabilities: Capabilities = {}
        self.tls: TlsFacts | None = None
        self.reusable = False
        self.peer_address = ""
        self.local_address = ""
        self.names: set[str] = set()  # what the server calls itself, in lower case
        self.opening = Opening()
        self.dialogue = dialogue
        self._deadline = 0.0  # of the transaction under way (monotonic); 0: none is

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        *,
        source: str | None = None,
        timeouts: Timeouts | None = None,
        dialogue: Dialogue | None = None,
    ) -> "SmtpClient":
        """Connect to an address (from `source`, if given) and read the greeting. Raises ConnectError, SmtpError.

        What is said is added to `dialogue`.
        """
        timeouts = timeouts or Timeouts()
        client = cls(timeouts, dialogue or Dialogue())
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeouts.connect):
                await loop.create_connection(
                    lambda: client, host, port, local_addr=(source, 0) if source else None
                )
        except (OSError, TimeoutError) as wrong:
            raise ConnectError(str(wrong) or "timed out") from wrong
        connected = time.monotonic()
        try:
            greeting = await client._reply("", "the greeting", timeouts.greeting)
        except BaseException as wrong:
            client.abort()
            if isinstance(wrong, Disconnected):
                raise ConnectError(str(wrong)) from wrong
            raise
        if greeting.code != 220:
            client.abort()
            raise SmtpError(greeting)
        client.opening = Opening(connected - began, time.monotonic() - connected)
        client._called(greeting.text)
        client.reusable = True
        return client

    async def ehlo(self, name: str) -> Capabilities:
        """Introduce ourselves as `name`; what the server can do. Raises SmtpError, Disconnected."""
        began = time.monotonic()
        self._say(b"EHLO %s\r\n" % name.encode("ascii", "replace"))
        lines = await self._reply_lines("EHLO", self._timeouts.ehlo)
        answer = self._parse(lines, "EHLO", "EHLO")
        if 500 <= answer.code < 600:
            self._say(b"HELO %s\r\n" % name.encode("ascii", "replace"))
            answer = await self._reply("HELO", "HELO", self._timeouts.ehlo)
            lines = []
        if not answer.ok:
            raise SmtpError(answer)
        self.capabilities = {}
        for line in lines[1:]:
            word, _, rest = line[4:].decode("ascii", "replace").strip().partition(" ")
            self.capabilities[word.upper()] = rest
        self._called(answer.text)
        self.opening.ehlo += time.monotonic() - began
        return self.capabilities

    def _called(self, text: str) -> None:
        """Note the name at the beginning of a greeting (RFC 5321 §4.2)."""
        self.names.add(text.partition(" ")[0].rstrip(".").lower())

    async def starttls(self, context: ssl.SSLContext, *, server_hostname: str) -> TlsFacts:
        """Encrypt. Raises SmtpError, Disconnected, ssl.SSLError; after the last two the connection is gone.

        The caller says EHLO again: what the server said before is void (RFC 3207 §4.2).
        """
        began = time.monotonic()
        self._say(b"STARTTLS\r\n")
        answer = await self._reply("STARTTLS", "STARTTLS", self._timeouts.starttls)
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
        transport.set_write_buffer_limits(high=0)
        ssl_object = transport.get_extra_info("ssl_object")
        cipher = ssl_object.cipher()
        self.tls = TlsFacts(ssl_object.version() or "", cipher[0] if cipher else "")
        self.capabilities = {}
        self.reusable = True
        self.opening.tls = time.monotonic() - began
        return self.tls

    @property
    def tls_object(self) -> Any:
        """The `ssl.SSLObject` of the connection, or None."""
        return self._transport.get_extra_info("ssl_object")

    async def send(
        self, sender: str, recipients: Sequence[str], data: bytes, *, smtputf8: bool = False
    ) -> SendResult:
        """Send one message. Raises SmtpError when MAIL is refused, Disconnected, ValueError.

        `data` has CRLF line ends; a lone CR or LF is a ValueError. A refusal of DATA, or of the message, is that
        of each recipient which RCPT had not refused.
        """
        lines = data.count(b"\r\n")
        if data.count(b"\n") != lines or data.count(b"\r") != lines:
            raise ValueError("a message must have CRLF line ends only")
        refusal = cannot(self.capabilities, len(data), smtputf8=smtputf8)
        if refusal is not None:
            return SendResult([refusal] * len(recipients), 0.0, 0.0)
        limit = recipient_limit(self.capabilities)
        commands = envelope(self.capabilities, sender, recipients[:limit], data, smtputf8=smtputf8)
        self._in_step("MAIL")
        started = time.monotonic()
        self._deadline = started + self._timeouts.transaction
        mail, *replies, ready = await self._envelope(commands)
        replies += [_TOO_MANY] * (len(recipients) - len(replies))
        accepted = [at for at, reply in enumerate(replies) if reply.ok]
        envelope_seconds = time.monotonic() - started
        if mail.ok and accepted and ready.code < 400 and ready.code != 354:
            self.abort()
            raise Disconnected("DATA", reason=f"not SMTP: {ready.code} to DATA")
        if not mail.ok or not accepted or ready.code != 354:
            await self._abandon(mail, ready)
            if not mail.ok:
                raise SmtpError(mail)
            for at in accepted:
                replies[at] = ready
            return SendResult(replies, envelope_seconds, 0.0)
        self._in_step("the message")
        sent = time.monotonic()
        await self._message(data)
        dotted = time.monotonic()
        final = await self._verdict()
        for at in accepted:
            replies[at] = final
        return SendResult(replies, envelope_seconds, dotted - sent, time.monotonic() - dotted)

    async def quit(self) -> None:
        """Say goodbye and close; never raises."""
        if self.reusable:  # after 421 and the like the server is gone
            try:
                self._say(b"QUIT\r\n")
                await self._reply_lines("QUIT", self._timeouts.quit)
            except Disconnected:
                pass
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # -- sending

    def _in_step(self, stage: str) -> None:
        """A reply nobody asked for would be taken for the next one, and every later one for its neighbour."""
        if self._answers or self._lines or self._buffer:
            self.abort()
            raise Disconnected(stage, reason="the server spoke out of turn")

    async def _envelope(self, commands: list[bytes]) -> list[Answer]:
        """The replies to MAIL, each RCPT, and DATA. What ended it early stands in for those that never came."""
        names = ("MAIL", *("RCPT",) * (len(commands) - 2), "DATA")
        group = "PIPELINING" in self.capabilities
        if group:
            self._say(b"".join(commands))
        answers: list[Answer] = []
        for name, command in zip(names, commands, strict=True):
            if not group:
                self._say(command)
            seconds = self._timeouts.data if name == "DATA" else self._timeouts.mail
            answer = await self._reply(name, name, seconds)
            answers.append(answer)
            # Asked one by one, the rest need not be asked; after 421 nothing answers (RFC 5321 §3.8).
            refused = name == "MAIL" and not answer.ok
            useless = len(answers) == len(names) - 1 and not any(each.ok for each in answers[1:])
            if answer.code == 421 or (not group and (refused or useless)):
                break
        return answers + [answers[-1]] * (len(commands) - len(answers))

    async def _abandon(self, mail: Answer, ready: Answer) -> None:
        """Make the connection fit for another message. That it is not says nothing about this one."""
        self._deadline = 0.0
        try:
            if ready.code == 354:
                # It wants a message for nobody: an empty one ends this (RFC 2920 §3.1).
                self._say(b".\r\n")
                await self._reply("DATA", "the empty message", self._timeouts.dot)
            elif mail.ok and self.reusable:
                self._say(b"RSET\r\n")
                await self._reply("RSET", "RSET", self._timeouts.mail)
        except Disconnected:
            self.reusable = False

    async def _message(self, data: bytes) -> None:
        if data.startswith(b".") or b"\r\n." in data:
            # RFC 5321 §4.5.2: a line that begins with a dot gets another.
            data = data.replace(b"\r\n.", b"\r\n..")
            data = b"." + data if data.startswith(b".") else data
        data += b".\r\n" if data.endswith(b"\r\n") or not data else b"\r\n.\r\n"
        view = memoryview(data)
        for start in range(0, len(data), BLOCK):
            self._write(view[start : start + BLOCK])
            await self._drain()
        self.dialogue.add("C", b"(a message of %d bytes)" % len(data))

    async def _verdict(self) -> Answer:
        """The reply to the message, which may have come before all of it was written."""
        self._deadline = 0.0  # what is with the server gets the time it needs
        if self._unsent:
            if self._answers and self._answers[0][-1][:1] in b"45":
                return await self._reply("DATA", "the message", self._timeouts.dot)
            raise Disconnected("the message", reason=self._lost or "closed by the server")
        return await self._reply("DATA", "the reply to the message", self._timeouts.dot, after_dot=True)

    # -- the connection

    def _say(self, command: bytes) -> None:
        self.dialogue.add("C", command)
        self._write(command)

    def _write(self, data: bytes | memoryview) -> None:
        if self._lost is None and not self._transport.is_closing():
            self._transport.write(data)
        else:
            self._unsent = True

    async def _drain(self) -> None:
        """Wait until all that was written is with the kernel."""
        if self._writable.is_set():
            return
        try:
            async with asyncio.timeout(self._within(self._timeouts.block)):
                await self._writable.wait()
        except TimeoutError as late:
            self.abort()
            raise Disconnected("the message", reason="timed out") from late

    def _within(self, seconds: float) -> float:
        """At most `seconds`, and no more than the transaction has left."""
        return min(seconds, max(self._deadline - time.monotonic(), 0.0)) if self._deadline else seconds

    async def _reply(self, command: str, stage: str, timeout: float, *, after_dot: bool = False) -> Answer:
        """The next reply. Raises Disconnected."""
        return self._parse(await self._reply_lines(stage, timeout, after_dot=after_dot), command, stage)

    def _parse(self, lines: list[bytes], command: str, stage: str) -> Answer:
        try:
            answer = parse_reply(lines, command)
        except ValueError as wrong:
            self.abort()
            raise Disconnected(stage, reason=f"not SMTP: {wrong}") from wrong
        if answer.code == 421:
            self.reusable = False  # it closes (RFC 5321 §3.8)
        return answer

    async def _reply_lines(self, stage: str, timeout: float, *, after_dot: bool = False) -> list[bytes]:
        if not self._answers:
            if self._lost is not None:
                raise Disconnected(stage, after_dot=after_dot, reason=self._lost)
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(self._within(timeout), self._fail, "timed out")
            try:
                await self._waiter
            except ConnectionError as lost:
                raise Disconnected(stage, after_dot=after_dot, reason=str(lost)) from lost
            finally:
                timer.cancel()
                self._waiter = None
        return self._answers.pop(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is connected."""
        self._transport = cast(asyncio.Transport, transport)
        self.peer_address = _address(transport.get_extra_info("peername"))
        self.local_address = _address(transport.get_extra_info("sockname"))
        # Writing pauses until nothing is left: so it is known whether the final dot ever left the process.
        self._transport.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._unsent = self._unsent or not self._writable.is_set()
        self._gone(str(exc) if exc else "closed by the server")
        self._writable.set()

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
            if not _LINE.match(line) or len(self._lines) >= MAX_LINES or len(self._answers) >= MAX_REPLIES:
                self._fail("not an SMTP reply")
                return
            self._lines.append(line[:MAX_LINE])
            if line[3:4] != b"-":
                self.dialogue.add("S", b"\n".join(self._lines) if len(self._lines) > 1 else line)
                self._answers.append(self._lines)
                self._lines = []
        if len(self._buffer) > MAX_LINE:
            self._fail("a reply line without end")
        elif self._waiter is not None and self._answers and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, reason: str) -> None:
        self._gone(reason)
        self.abort()

    def _gone(self, reason: str) -> None:
        self._lost = self._lost or reason
        self.reusable = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(self._lost))


def _address(name: Any) -> str:
    return str(name[0]) if isinstance(name, tuple) and name else ""
