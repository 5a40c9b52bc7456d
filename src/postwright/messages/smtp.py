"""The SMTP door of messages: submission by authenticated senders (RFC 6409)."""

import asyncio
import hashlib
import ssl
import time
from collections import OrderedDict

from postwright import domains
from postwright.domains import Credential
from postwright.kernel.db import Db
from postwright.kernel.errors import Refused
from postwright.kernel.settings import Settings
from postwright.mail.addresses import Address, AddressError, parse_one
from postwright.mail.headers import decode
from postwright.mail.mime import parse_head
from postwright.mail.smtp import Envelope, Policy, Reply, Session

from .accept import Acceptor, Origin, new_message_id
from .draft import MAX_RECIPIENTS, MAX_SIZE, from_mime
from .headers import options_of
from .options import parse

# That a password matches a stored hash is remembered this long: Argon2 takes tens of milliseconds, a burst of
# sessions must not pay it each time. The hash itself is read anew, so that a changed password holds at once.
REMEMBER_SECONDS = 10.0
MAX_REMEMBERED = 1000


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
        )
        self._db = db
        self._acceptor = acceptor
        self._settings = settings
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._own_ips = frozenset(address for address, _ in settings.sources())

    async def authenticate(self, session: Session, login: str, password: str) -> bool:
        """Check a login (`user@domain`) and password."""
        credential = await self._check(login.strip().lower(), password)
        session.login = credential
        return credential is not None

    async def rcpt_to(self, session: Session, address: str, params: dict[str, str]) -> Reply | None:
        """Refuse addresses that cannot be."""
        try:
            parse_one(address)
        except AddressError as wrong:
            return Reply(553, "5.1.3", f"Cannot parse to address: {wrong}")
        return None

    async def message(self, session: Session, envelope: Envelope) -> Reply:
        """Accept the message as the API would; 250 once it is durable."""
        credential = session.login
        assert isinstance(credential, Credential)
        try:
            message_id = await self._accept(session, credential, envelope)
        except Refused as refused:
            code, enhanced = refused.smtp
            return Reply(code, enhanced, refused.text)
        return Reply(250, "2.0.0", f"Queued. Thank you. <{message_id}>")

    async def _accept(self, session: Session, credential: Credential, envelope: Envelope) -> str:
        now = self._acceptor.clock.now()
        head = [(name, decode(value)) for name, value in parse_head(envelope.data)]
        options = parse(options_of(head), now, self._own_ips)
        recipients: list[Address] = [parse_one(address) for address in envelope.recipients]
        name = credential.domain
        draft = from_mime(envelope.data, recipients, options, name, new_message_id(now, name), now)
        origin = Origin(
            account_id=credential.account_id,
            domain_id=credential.domain_id,
            domain=name,
            method="smtp",
            ip=session.peer,
            base_url=self._settings.public_url or self._local_url(),
            received_from=f"from {session.helo or 'unknown'} ([{session.peer}])",
            retention=credential.message_ttl,
            return_host=credential.return_host,
            ips=credential.ips,
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
