"""Who makes a request, and may they: the guard of every operation that is not public.

It runs before a byte of the body is read. A key in use costs one SHA-256 and one look-up in a dictionary; what
it finds there is at most a second old, so that a deleted key stops everywhere within a second. Keys are found
by the digest of what was presented: nobody can choose digests, so how long a comparison takes tells nothing.
"""

import binascii
from base64 import b64decode
from contextlib import suppress
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db, StoreUnavailable
from postwright.kernel.http import Halt, Raw, reply_header
from postwright.kernel.secrets import digest, same

from . import allowlist, service, store
from .errors import AccountDisabled, InvalidKey, NotAllowed, SubaccountNotFound
from .fresh import Fresh
from .rates import Rates
from .records import Holder, Principal, Status
from .roles import Area, Kind, Right, may
from .sessions import COOKIE, csrf_token

USER = "api"  # the only user name there is (behaviour.md 1.1)
ON_BEHALF_OF = "x-mailgun-on-behalf-of"
KEY_ID = "x-mailgun-key-id"
CSRF = "x-csrf-token"
MAX_CREDENTIALS = 2000  # characters of base64; our own secrets take 72
NOTE_USE = (
    3600 * SECOND
)  # how exact `last_used_at` is: each note is a write, which reading should not wait for

NOTE_SESSION = 60 * SECOND  # where a session ends without requests

_Connection = ASGIConnection[Any, Any, Any, Any]


class Authenticator:
    """Judges requests for one process. `guard` is the Litestar guard."""

    def __init__(self, db: Db, clock: Clock, rates: Rates | None = None) -> None:
        self._rates = rates
        self._db = db
        self._clock = clock
        self._holders = Fresh(self._find)
        self._children = Fresh(self._child)

    async def guard(self, connection: _Connection, handler: BaseRouteHandler) -> None:
        """Let the request pass as its `Principal`, or raise what refuses it."""
        area, reads = handler.opt["access"], handler.opt["reads"]
        try:
            holder = await self._holder(connection)
        except InvalidKey as wrong:
            if _by_script(connection):
                wrong.headers = {}
            if area is Area.SENDING:  # these two have their own words for it (behaviour.md 1.6)
                refusal = Raw(b"Forbidden", "text/plain; charset=utf-8", wrong.status, wrong.headers)
                raise Halt(refusal) from wrong
            raise
        principal = holder.principal
        if holder.networks and not _admitted(connection, holder):
            raise NotAllowed
        reply_header(connection, KEY_ID, principal.key_id)
        if holder.account_status is not Status.OPEN:
            raise AccountDisabled
        if not _reaches(principal, area, Right.READ if reads else Right.WRITE, connection.path_params):
            raise NotAllowed
        if behalf := connection.headers.get(ON_BEHALF_OF) or _framed(connection):
            principal = await self._behalf(principal, behalf, area)
        if self._rates is not None:
            domain = connection.path_params.get("domain", "")
            now = self._clock.now()
            id = handler.name or ""
            for told in self._rates.charge(id, area, principal.account_id, principal.key_id, domain, now):
                reply_header(connection, *told)
        connection.scope["auth"] = principal

    def forget(self) -> None:
        """Look at every key anew: in this process a change need not take the second."""
        self._holders.clear()
        self._children.clear()

    async def _holder(self, connection: _Connection) -> Holder:
        header = connection.headers.get("authorization", "")
        secret = presented(header) if header else session_secret(connection)
        holder = await self._holders.get(digest(secret)) if secret else None
        if secret is None or holder is None or not _valid(holder, self._clock.now()):
            raise InvalidKey
        if not header and not _session_may(connection, holder, secret):
            raise InvalidKey
        return holder

    async def _find(self, secret_digest: str) -> Holder | None:
        holder = await self._db.read(service.holder, secret_digest)
        now = self._clock.now()
        often = NOTE_SESSION if holder and holder.inactive_seconds else NOTE_USE
        if holder and _valid(holder, now) and now - holder.last_used_at >= often:
            # A store that cannot write now can still be read, and it is not worth a refusal.
            with suppress(StoreUnavailable):
                await self._db.write(store.set_used, holder.principal.key_id, now)
        return holder

    async def _behalf(self, principal: Principal, child_id: str, area: Area) -> Principal:
        if principal.kind is Kind.DOMAIN:
            raise NotAllowed
        status = await self._children.get((principal.account_id, child_id))
        if status is None or status is Status.CLOSED:
            raise SubaccountNotFound
        # Its owner must still be able to enable or delete a disabled one.
        if status is Status.DISABLED and area is not Area.SUBACCOUNTS:
            raise AccountDisabled
        return Principal(
            child_id,
            principal.key_id,
            principal.kind,
            principal.role,
            user_id=principal.user_id,
            parent_id=principal.account_id,
        )

    async def _child(self, ids: tuple[str, str]) -> Status | None:
        return await self._db.read(service.child_status, *ids)


def principal(request: Request[Any, Any, Any]) -> Principal:
    """The dependency `principal`: who makes this request. Only for operations behind the guard."""
    found: Principal = request.scope["auth"]
    return found


def session_secret(connection: _Connection) -> str | None:
    """The secret in the session's cookie."""
    return connection.cookies.get(COOKIE) or None


def _session_may(connection: _Connection, holder: Holder, secret: str) -> bool:
    """Whether a request that came with a cookie comes from our own pages. Only sessions live in cookies."""
    if holder.principal.kind is not Kind.WEB:
        return False
    safe = connection.scope["method"] in ("GET", "HEAD")  # type: ignore[typeddict-item]
    return safe or same(connection.headers.get(CSRF, ""), csrf_token(secret))


def _framed(connection: _Connection) -> str | None:
    """Whom a frame in a page of ours acts for: it has an address and no headers of its own."""
    if connection.headers.get("sec-fetch-dest") != "iframe":
        return None
    return connection.query_params.get("on_behalf_of")


def _by_script(connection: _Connection) -> bool:
    """Whether a page asks: then a browser must not be told to ask the person for a name and password."""
    return CSRF in connection.headers or connection.headers.get("sec-fetch-dest") == "empty"


def presented(header: str) -> str | None:
    """The key in an Authorization header; None when there is none in it (RFC 7617 §2)."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic" or len(credentials) > MAX_CREDENTIALS:
        return None
    try:
        user, _, secret = b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return secret if user == USER and secret else None


def _valid(holder: Holder, now: int) -> bool:
    if holder.is_disabled or holder.account_status is Status.CLOSED:
        return False
    idle = holder.inactive_seconds if holder.principal.kind is Kind.WEB else None
    if idle and holder.last_used_at and now - holder.last_used_at > idle * SECOND + NOTE_SESSION:
        return False
    return holder.expires_at is None or now < holder.expires_at


def _admitted(connection: _Connection, holder: Holder) -> bool:
    """Whether the account's keys may be used from there. Sessions of the panel may from everywhere."""
    if holder.principal.kind is Kind.WEB:
        return True
    return allowlist.admits(holder.networks, connection.client.host if connection.client else "")


def _reaches(principal: Principal, area: Area, right: Right, path: dict[str, Any]) -> bool:
    if not may(principal.role, area, right):
        return False
    # A domain key has the role sending, which reaches the two operations that send and no other.
    return principal.kind is not Kind.DOMAIN or service.same_domain(
        path.get("domain", ""), principal.domain_name
    )
