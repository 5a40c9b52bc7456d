"""One SMTP connection under its commands: input, output, hooks, time (RFC 5321 §4.5.3)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast

from . import replies
from .policy import DROP, Decision, Policy, Session
from .replies import Reply

log = logging.getLogger("postwright.smtp")

MAX_LINE = 2048  # octets of a command (mox's limit, delivery-engineering.md section 9)
MAX_ERRORS = 20  # bad commands in a connection
MAX_AHEAD = 256 * 1024  # octets of pipelined input kept while a hook runs
LINGER_SECONDS = 30.0  # for a last reply to be fetched, before the connection is cut
_END = b"\r\n.\r\n"


class Connection(asyncio.Protocol):
    """Reads lines and messages, runs hooks one at a time, answers in order. `SmtpServer` has the commands."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._session = Session(peer="")
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._body: bytearray | None = None  # the message being received
        self._oversized = False
        self._task: asyncio.Task[Any] | None = None
        self._stage = "CONNECT"  # the command that is answered; MESSAGE: what came after DATA
        self._errors = 0
        self._closing = False
        self._deaf = False  # the peer does not read what we say
        self._ended = False  # the peer says no more
        self._seen = 0.0  # loop time of the last input
        self._timer: asyncio.TimerHandle | None = None

    @property
    def session(self) -> Session:
        """What hooks see of it."""
        return self._session

    # -- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._session.peer = peer[0] if isinstance(peer, tuple) else ""
        self._session.tls = transport.get_extra_info("ssl_object") is not None
        self._session.cipher = cipher_of(transport)
        full = len(self._policy.connections) >= self._policy.max_connections
        self._policy.connections.add(self)
        loop = asyncio.get_running_loop()
        self._seen = loop.time()
        self._timer = loop.call_later(self._policy.idle_seconds, self._check_idle)
        if self._policy.draining:
            self._end(replies.SHUTTING_DOWN)
            return
        if full and not self._make_room():
            self._end(replies.TOO_MANY_CONNECTIONS)
            return
        self._run(self._greet(), self._greeting)

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest, of those that nobody logged in to; whether there was one.

        Whoever opens all connections and says nothing must not keep out those who have something to say.
        """
        idle = [
            each
            for each in self._policy.connections
            if each is not self and each._task is None and each._body is None and each._session.login is None
        ]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each._seen)
        longest._end(replies.MADE_ROOM)
        self._policy.connections.discard(longest)
        return True

    async def _greet(self) -> Decision:
        if self._policy.early_talker_seconds:
            await asyncio.sleep(self._policy.early_talker_seconds)
            if self._buffer:
                return replies.EARLY_TALKER
        return await self._policy.connect(self._session)

    def _greeting(self, decision: Decision) -> None:
        if isinstance(decision, Reply):
            self._end(decision)
        elif decision is DROP:
            self.abort()
        else:
            self._say(Reply(220, "", f"{self._policy.hostname} ESMTP"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it. What a hook is doing is finished: a stored message stays stored."""
        self._closing = True
        self._buffer.clear()
        self._body = None
        self._policy.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take input."""
        self._seen = asyncio.get_running_loop().time()
        self._buffer += data
        if self._task is None:
            self._pump()
        elif len(self._buffer) > MAX_AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The peer stops talking: so do we, once what it asked for is done (over TLS at once: asyncio's rule)."""
        self._ended = True
        return not self._session.tls and (self._task is not None or self._deaf)

    def pause_writing(self) -> None:
        """The peer does not read: whoever does not listen is not listened to, or replies would pile up here."""
        self._deaf = True
        if not self._closing:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It has read."""
        self._deaf = False
        if self._task is None and not self._closing:
            self._transport.resume_reading()
            self._pump()

    def close_when_idle(self) -> None:
        """Close, but not in the middle of a message."""
        if self._task is None and self._body is None:
            self._end(replies.SHUTTING_DOWN)

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._transport.abort()

    def _check_idle(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._seen + self._policy.idle_seconds - loop.time()
        if left > 0 or self._task is not None:
            self._timer = loop.call_later(max(left, 1.0), self._check_idle)
            return
        self._end(replies.TIMED_OUT)

    # -- input

    def _pump(self) -> None:
        """Work through the input until it, or what may be done at once, ends."""
        while self._task is None and not self._closing and not self._deaf:
            if self._body is not None:
                if not self._take_body():
                    break
                continue
            end = self._buffer.find(b"\n")
            if (end if end >= 0 else len(self._buffer)) > MAX_LINE + 1:  # the CR is the one more
                self._end(replies.BAD_LINE)
            if end < 0 or self._closing:
                break
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._line(line)
        self._flush()
        if self._task is None and not self._closing and not self._deaf:
            if self._ended:
                self._close()
            elif self._policy.draining:
                self.close_when_idle()

    def _flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _line(self, line: bytes) -> None:
        """A line came (without its LF)."""
        raise NotImplementedError

    def _received(self, data: bytes, *, oversized: bool) -> None:
        """A whole message came, dots still stuffed."""
        raise NotImplementedError

    def _take_body(self) -> bool:
        """Move input into the message; whether its end was there."""
        body = self._body
        assert body is not None
        start = max(0, len(body) - len(_END) + 1)
        body += self._buffer
        end = body.find(_END, start)
        if end < 0:
            self._buffer.clear()
            if self._oversized or len(body) > self._policy.max_size + 2 + len(_END):
                # Read on to the end, keeping only what the end could begin with.
                self._oversized = True
                del body[: -len(_END)]
            return False
        self._buffer[:] = body[end + len(_END) :]
        # The CRLF before the message is ours; the one that begins the end is the message's last.
        data = bytes(memoryview(body)[2 : end + 2])
        self._body = None
        oversized, self._oversized = self._oversized, False
        self._received(data, oversized=oversized or len(data) > self._policy.max_size)
        return True

    # -- hooks

    def _run(self, hook: Coroutine[Any, Any, Any], then: Callable[[Any], None]) -> None:
        """Run a hook; nothing more is executed before its answer."""
        self._flush()
        task = self._task = asyncio.ensure_future(hook)
        task.add_done_callback(lambda done: self._done(done, then))

    def _done(self, task: asyncio.Task[Any], then: Callable[[Any], None]) -> None:
        self._task = None
        if task.cancelled():
            return
        failure = task.exception()
        if failure is not None:
            log.error("SMTP hook failed", exc_info=failure)
            self._end(replies.INTERNAL)
        if self._closing:
            return
        then(task.result())
        if not self._closing and not self._deaf:
            self._transport.resume_reading()
        self._pump()

    def _decide(self, decision: Decision, otherwise: Reply) -> bool:
        """Say what a hook decided; whether it agreed."""
        if decision is None:
            self._say(otherwise)
            return True
        if isinstance(decision, Reply):
            if decision.code == 421:
                self._end(decision)
            else:
                self._say(decision)
            return 200 <= decision.code < 300
        self.abort()
        return False

    # -- output

    def _say(self, reply: Reply) -> None:
        self._out.append(reply.wire())
        if reply.code >= 400 and self._policy.on_refusal is not None:
            self._policy.on_refusal(self._stage, reply)

    def _error(self, reply: Reply) -> None:
        self._errors += 1
        if self._errors > MAX_ERRORS:
            self._end(replies.TOO_MANY_ERRORS)
        else:
            self._say(reply)

    def _end(self, reply: Reply) -> None:
        if self._closing:
            return
        self._say(reply)
        self._flush()
        self._close()

    def _close(self) -> None:
        self._closing = True
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)


def cipher_of(transport: asyncio.BaseTransport) -> str:
    """Version and cipher of a connection's TLS, as trace headers tell them; "" without TLS."""
    tls = transport.get_extra_info("ssl_object")
    cipher = tls.cipher() if tls is not None else None
    return f"version={cipher[1].replace('v', '', 1)}, cipher={cipher[0]}" if cipher else ""
