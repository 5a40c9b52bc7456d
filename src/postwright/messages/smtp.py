"""The SMTP door of messages: submission by authenticated senders (RFC 6409)."""

import asyncio
import hashlib
import ssl
import time
from collections import OrderedDict

import msgspec

from postwright import accounts, domains
from postwright.domains import Credential
from postwright.kernel.db import Db
from postwright.kernel.errors import Refused
from postwright.kernel.metrics import Counter
from postwright.kernel.settings import Settings
from postwright.mail.addresses import Address, AddressError, parse_one
from postwright.mail.smtp import Envelope, Policy, Reply, Session

from .accept import Acceptor, Origin, new_message_id
from .draft import MAX_RECIPIENTS, MAX_SIZE
from .headers import opened
from .options import parse
from .templating import Owner, mime_draft

# That a password matches a stored hash is remembered this long: Argon2 takes tens of milliseconds, a burst of
# sessions must not pay it each time. The hash itself is read anew, so that a changed password holds at once.
REMEMBER_SECONDS = 10.0
MAX_REMEMBERED = 1000
MAX_MESSAGES = 10_000  # of one connection: bulk senders keep theirs, but no connection is for ever


_LOGINS = Counter("smtp_logins_total", "Attempts to log in over SMTP.", ("result",))
_DISABLED = Reply(525, "5.7.13", "Account is disabled")  # RFC 5248 §3
_LOCKED_OUT = Reply(421, "4.7.0", "The password was changed or the login deleted, please log in again")


class Login(msgspec.Struct, frozen=True):
    """Who a session belongs to."""

    name: str
    credential: Credential


class SubmissionPolicy(Policy):
    """Takes messages from whoever knows a domain's SMTP credentials."""

    def __init__(
        self, *, db: Db, acceptor: Acceptor, settings: Settings, hostname: str, tls: ssl.SSLContext
    ) -> None:
        super().__init__(
            hostname=hostname,
            max_size=MAX_SIZE,
            max_recipients=MAX_RECIPIENTS,
            tls=tls,
            auth_required=True,
            # On an instance that sends nothing out, programs under test may log in without TLS.
            auth_without_tls=settings.capture,
            strict_newlines=False,
            max_messages=MAX_MESSAGES,
        )
        self._db = db
        self._acceptor = acceptor
        self._settings = settings
        self._allowlists = accounts.Allowlists(db)
        self._known: OrderedDict[bytes, float] = OrderedDict()

    async def authenticate(self, session: Session, login: str, password: str) -> bool | Reply:
        """Check a login (`user@domain`) and password."""
        name = login.strip().lower()
        credential = await self._check(name, password)
        if credential is not None and not await self._allowlists.admits(credential.account_id, session.peer):
            credential = None
        if credential is not None and credential.account_status != accounts.Status.OPEN:
            _LOGINS.labels("disabled").inc()
            return _DISABLED
        session.login = None if credential is None else Login(name, credential)
        _LOGINS.labels("failed" if credential is None else "ok").inc()
        return credential is not None

    async def mail_from(self, session: Session, address: str, params: dict[str, str]) -> Reply | None:
        """Go on only while the login is as it was: who is locked out sends nothing more in an open session."""
        held = session.login
        assert isinstance(held, Login)
        now = await self._db.read(domains.login, held.name)
        if now is None or now.password_hash != held.credential.password_hash:
            return _LOCKED_OUT
        if not await self._allowlists.admits(now.account_id, session.peer):
            return _LOCKED_OUT
        if now.account_status != accounts.Status.OPEN:
            return _DISABLED
        session.login = Login(held.name, now)
        return None

    async def rcpt_to(self, session: Session, address: str, params: dict[str, str]) -> Reply | None:
        """Refuse addresses that cannot be."""
        try:
            parse_one(address)
        except AddressError as wrong:
            return Reply(553, "5.1.3", f"Cannot parse to address: {wrong}")
        return None

    async def message(self, session: Session, envelope: Envelope) -> Reply:
        """Accept the message as the API would; 250 once it is durable."""
        login = session.login
        assert isinstance(login, Login)
        try:
            message_id = await self._accept(session, login.credential, envelope)
        except Refused as refused:
            code, enhanced = refused.smtp
            return Reply(code, enhanced, refused.text)
        return Reply(250, "2.0.0", f"Queued. Thank you. <{message_id}>")

    async def _accept(self, session: Session, credential: Credential, envelope: Envelope) -> str:
        now = self._acceptor.clock.now()
        raw, raw_options = opened(envelope.data)
        options = parse(raw_options, now, credential.message_ttl)
        recipients: list[Address] = [parse_one(address) for address in envelope.recipients]
        name = credential.domain
        owner = Owner(credential.account_id, credential.domain_id, name)
        draft = await mime_draft(self._db, owner, raw, recipients, options, new_message_id(now, name), now)
        origin = Origin(
            account_id=credential.account_id,
            domain_id=credential.domain_id,
            domain=name,
            method="smtp",
            ip=session.peer,
            base_url=self._settings.public_url or self._local_url(),
            received_from=f"from {session.helo or 'unknown'} ([{session.peer}])",
            received_tls=f" ({session.cipher})" if session.cipher else "",
            retention=credential.message_ttl,
            return_host=credential.return_host,
        )
        return await self._acceptor.accept(draft, origin)

    def _local_url(self) -> str:
        host, port = self._settings.listen("http")[0]
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104  compared, not bound

    async def _check(self, login: str, password: str) -> Credential | None:
        credential = await self._db.read(domains.login, login)
        # A login that does not exist takes as long as a wrong password: names cannot be found out by timing.
        hashed = credential.password_hash if credential else domains.NO_PASSWORD
        memo = hashlib.sha256(f"{hashed}\0{password}".encode()).digest()
        if credential is not None and self._known.get(memo, 0.0) > time.monotonic():
            return credential
        right = await asyncio.to_thread(domains.verify_password, hashed, password)
        if credential is None or not right:
            return None
        self._known[memo] = time.monotonic() + REMEMBER_SECONDS
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return credential
