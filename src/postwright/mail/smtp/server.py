"""One SMTP connection, served (RFC 5321, 2920, 1870, 6152, 6531, 3207, 4954)."""

import asyncio
from collections.abc import Callable

from . import replies
from .auth import AuthExchange
from .commands import BadCommand, parse_path
from .connection import Connection, cipher_of
from .policy import Decision, Envelope, Policy
from .replies import Reply

# Commands that must be the last of a group (RFC 2920 §3.1). Behind STARTTLS everything is thrown away anyway.
_LAST = frozenset({b"EHLO", b"HELO", b"DATA", b"AUTH"})


class SmtpServer(Connection):
    """Serves one connection. Commands are executed one at a time, in order, also when they come in groups."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._auth: AuthExchange | None = None
        self._messages = 0
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._utf8 = False
        self._verbs: dict[bytes, Callable[[bytes], None]] = {
            b"EHLO": self._ehlo,
            b"HELO": self._helo,
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"RSET": self._rset,
            b"NOOP": lambda rest: self._say(replies.OK),
            b"VRFY": lambda rest: self._say(replies.CANNOT_VERIFY),
            b"HELP": lambda rest: self._say(Reply(214, "2.0.0", "See RFC 5321")),
            b"QUIT": self._quit,
            b"AUTH": self._start_auth,
            b"STARTTLS": self._starttls,
        }

    def _line(self, line: bytes) -> None:
        if line.endswith(b"\r"):
            line = line[:-1]
        elif self._policy.strict_newlines:
            self._error(replies.BAD_LINE)
            return
        if self._auth is not None:
            self._auth_line(line)
            return
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        handler = self._verbs.get(verb)
        self._stage = verb.decode("ascii") if handler is not None else "UNKNOWN"
        if self._policy.strict_dialogue:
            if handler is None and not self._session.helo:
                self._end(replies.UNKNOWN)  # a browser, or worse: what follows is no SMTP either
                return
            if self._buffer and verb in _LAST:
                self._end(replies.OUT_OF_TURN)
                return
        if handler is None:
            self._error(replies.UNKNOWN)
            return
        try:
            handler(rest.strip())
        except BadCommand as wrong:
            self._error(wrong.reply)
        except UnicodeDecodeError:
            self._error(replies.NOT_UTF8)

    def _received(self, data: bytes, *, oversized: bool) -> None:
        self._messages += 1
        self._stage = "MESSAGE"
        sender, recipients, utf8 = self._sender or "", tuple(self._recipients), self._utf8
        self._forget()
        if oversized:
            self._say(replies.TOO_LARGE)
            return
        lines = data.count(b"\r\n")
        bare = data.count(b"\n") != lines or data.count(b"\r") != lines
        if bare and self._policy.strict_newlines:
            self._say(replies.BARE_NEWLINE)
            return
        # RFC 5321 §4.5.2: of each line that begins with a dot, that dot goes.
        if data.startswith(b"."):
            data = data[1:]
        if b"\r\n." in data:
            data = data.replace(b"\r\n.", b"\r\n")
        if bare:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        envelope = Envelope(sender, recipients, data, utf8)
        self._run(self._policy.message(self._session, envelope), self._answered)

    def _answered(self, decision: Decision) -> None:
        self._decide(decision, replies.OK)

    # -- commands

    def _ehlo(self, rest: bytes) -> None:
        self._hello(rest)
        policy = self._policy
        lines = [policy.hostname]
        if policy.pipelining:
            lines.append("PIPELINING")
        lines += [f"SIZE {policy.max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if policy.tls is not None and not self._session.tls:
            lines.append("STARTTLS")
        if policy.auth_offered and (self._session.tls or policy.auth_without_tls):
            lines.append("AUTH PLAIN LOGIN")
        self._say(Reply(250, "", "\n".join(lines)))

    def _helo(self, rest: bytes) -> None:
        self._hello(rest)
        self._say(Reply(250, "", self._policy.hostname))

    def _hello(self, rest: bytes) -> None:
        name = rest.decode()
        if not name or len(name) > 255 or any(c.isspace() or not c.isprintable() for c in name):
            raise BadCommand(replies.SYNTAX)
        self._session.helo = name
        self._forget()

    def _mail(self, rest: bytes) -> None:
        if not self._session.helo or self._sender is not None:
            raise BadCommand(replies.BAD_SEQUENCE)
        if self._policy.auth_required and self._session.login is None:
            raise BadCommand(replies.AUTH_FIRST)
        if self._policy.max_messages and self._messages >= self._policy.max_messages:
            self._end(replies.TOO_MANY_MESSAGES)
            return
        address, params = parse_path(rest, b"FROM:", empty=True)
        size = params.get("SIZE", "0")
        if not size.isdecimal() or len(size) > 20:
            raise BadCommand(replies.SYNTAX)
        if int(size) > self._policy.max_size:
            raise BadCommand(replies.TOO_LARGE)
        self._utf8 = "SMTPUTF8" in params
        if not address.isascii() and not self._utf8:
            raise BadCommand(replies.NOT_UTF8)
        hook = self._policy.mail_from
        if type(self._policy).mail_from is Policy.mail_from:
            self._mailed(address, None)
        else:
            self._run(hook(self._session, address, params), lambda d: self._mailed(address, d))

    def _mailed(self, address: str, decision: Decision) -> None:
        if self._decide(decision, replies.SENDER_OK):
            self._sender = address

    def _rcpt(self, rest: bytes) -> None:
        if self._sender is None:
            raise BadCommand(replies.BAD_SEQUENCE)
        address, params = parse_path(rest, b"TO:", empty=False)
        if not address.isascii() and not self._utf8:
            raise BadCommand(replies.NOT_UTF8)
        if len(self._recipients) >= self._policy.max_recipients:
            self._say(replies.TOO_MANY_RECIPIENTS)
        elif type(self._policy).rcpt_to is Policy.rcpt_to:
            self._rcpted(address, None)
        else:
            hook = self._policy.rcpt_to(self._session, address, params)
            self._run(hook, lambda decision: self._rcpted(address, decision))

    def _rcpted(self, address: str, decision: Decision) -> None:
        if self._decide(decision, replies.RECIPIENT_OK):
            self._recipients.append(address)

    def _data(self, rest: bytes) -> None:
        if rest:
            raise BadCommand(replies.SYNTAX)
        if self._sender is None:
            raise BadCommand(replies.BAD_SEQUENCE)
        if not self._recipients:
            raise BadCommand(replies.NO_RECIPIENTS)
        if type(self._policy).data is Policy.data:
            self._dataed(None)
        else:
            self._run(self._policy.data(self._session), self._dataed)

    def _dataed(self, decision: Decision) -> None:
        if self._decide(decision, replies.START_MESSAGE):
            # As if a line had just ended: a message may be empty, its end then follows at once.
            self._body = bytearray(b"\r\n")

    def _rset(self, rest: bytes) -> None:
        self._forget()
        self._say(replies.OK)

    def _quit(self, rest: bytes) -> None:
        self._end(replies.BYE)

    def _forget(self) -> None:
        self._sender, self._recipients, self._utf8 = None, [], False

    # -- STARTTLS and AUTH

    def _starttls(self, rest: bytes) -> None:
        if rest:
            raise BadCommand(replies.SYNTAX)
        if self._policy.tls is None or self._session.tls:
            raise BadCommand(replies.UNKNOWN)
        # RFC 3207 §4.2 and CVE-2011-0411: what came in clear behind the command must not be executed after.
        self._buffer.clear()
        self._transport.pause_reading()
        self._say(replies.READY_FOR_TLS)
        self._run(self._upgrade(), lambda _: None)

    async def _upgrade(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._policy.tls is not None
        try:
            transport = await loop.start_tls(
                self._transport, self, self._policy.tls, server_side=True, ssl_handshake_timeout=30.0
            )
        except (OSError, TimeoutError):  # ssl.SSLError is an OSError
            if self._policy.on_tls_failure is not None:
                self._policy.on_tls_failure()
            self.abort()
            return
        if transport is None:
            self.abort()
            return
        self._transport = transport
        self._forget()
        # All knowledge from before is void (RFC 3207 §4.2).
        self._session.helo, self._session.tls, self._session.login = "", True, None
        self._session.cipher = cipher_of(transport)

    def _start_auth(self, rest: bytes) -> None:
        if not self._policy.auth_offered:
            raise BadCommand(replies.UNKNOWN)
        if not self._session.helo or self._session.login is not None or self._sender is not None:
            raise BadCommand(replies.BAD_SEQUENCE)
        if not (self._session.tls or self._policy.auth_without_tls):
            raise BadCommand(replies.TLS_FIRST)
        mechanism, _, initial = rest.partition(b" ")
        self._auth = AuthExchange.begin(mechanism)
        if self._auth is None:
            raise BadCommand(replies.NO_MECHANISM)
        if initial:
            self._auth_line(b"" if initial == b"=" else initial)
        else:
            self._say(Reply(334, "", self._auth.challenge()))

    def _auth_line(self, line: bytes) -> None:
        exchange, self._auth = self._auth, None
        assert exchange is not None
        if line == b"*":
            self._say(replies.AUTH_CANCELLED)
            return
        if not exchange.take(line):
            self._error(replies.SYNTAX)
            return
        if exchange.complete:
            self._run(self._authenticate(exchange), self._authenticated)
        else:
            self._auth = exchange
            self._say(Reply(334, "", exchange.challenge()))

    async def _authenticate(self, exchange: AuthExchange) -> bool | Reply:
        logins, peer = self._policy.logins, self._session.peer
        if not await logins.admit(peer, exchange.login):
            return replies.TOO_MANY_LOGINS
        try:
            right = await self._policy.authenticate(self._session, exchange.login, exchange.password)
            if right:  # also a reply: the password is right
                logins.succeeded(peer, exchange.login)
        finally:
            logins.ended(peer, exchange.login)
        if not right:
            await asyncio.sleep(logins.failed(peer, exchange.login))
        return right

    def _authenticated(self, right: bool | Reply) -> None:
        if isinstance(right, Reply):
            self._end(right) if right.code == 421 else self._error(right)
        elif right:
            self._say(replies.AUTHENTICATED)
        else:
            self._error(replies.AUTH_FAILED)
