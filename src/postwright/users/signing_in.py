"""Signing in and out: what stands between a password and a session."""

import asyncio

from postwright import accounts
from postwright.accounts import Kind, NewKey, Status
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read, Write
from postwright.kernel.passwords import NO_PASSWORD, hash_password, verify_password
from postwright.kernel.secrets import Vault
from postwright.mail.smtp import Logins

from . import factors, store
from .errors import BadCode, BadSignIn, CodeRequired, TooManyAttempts
from .records import Purpose, Secrets, User
from .service import MAX_PASSWORD, mail_link

SESSION_SECONDS = 12 * 3600  # a working day; the longest life of a web key is 24 hours (behaviour.md 1.1)
HASHERS = 4  # at once in a process: each takes 19 MiB


class SignIn:
    """Judges passwords for one process.

    Guessing is limited as at the SMTP door (`Logins`), for each process by itself: N processes let through N times
    as many attempts.
    """

    def __init__(self, clock: Clock, vault: Vault, logins: Logins | None = None) -> None:
        self._clock = clock
        self._vault = vault
        self._logins = logins or Logins()
        self._hashers = asyncio.Semaphore(HASHERS)

    async def sign_in(self, db: Db, email: str, password: str, code: str, peer: str) -> tuple[User, NewKey]:
        """A session for who knows the password, and a code when the user has a second factor.

        Raises BadSignIn, CodeRequired, BadCode, TooManyAttempts.
        """
        name = email.strip().lower()[:320]
        if not self._logins.begin(peer, name):
            raise TooManyAttempts
        user, held = await db.read(_find, name)
        hashed = held.password_hash if held and held.password_hash else NO_PASSWORD
        right = await self._verify(hashed, password)
        if user is None or held is None or held.password_hash is None or user.is_disabled or not right:
            await asyncio.sleep(self._logins.failed(peer, name))
            raise BadSignIn
        if user.tfa_active and not code:
            raise CodeRequired
        try:
            made = await db.write(_begin, self._clock.now(), user, held, self._vault, code)
        except BadCode:
            await asyncio.sleep(self._logins.failed(peer, name))
            raise
        self._logins.succeeded(peer, name)
        return user, made

    async def is_password(self, db: Db, user: User, password: str, peer: str) -> bool:
        """Whether a signed-in user knows their password; guessing counts. Raises TooManyAttempts."""
        if not self._logins.begin(peer, user.email):
            raise TooManyAttempts
        held = await db.read(store.secrets_of, user.id)
        right = await self._verify(
            held.password_hash if held and held.password_hash else NO_PASSWORD, password
        )
        if right:
            self._logins.succeeded(peer, user.email)
        else:
            await asyncio.sleep(self._logins.failed(peer, user.email))
        return right

    async def forgotten(self, db: Db, email: str, peer: str, base_url: str) -> None:
        """Mail a link to who forgot a password, if there is such a user. Raises TooManyAttempts."""
        name = email.strip().lower()[:320]
        if not self._logins.begin(peer, name):
            raise TooManyAttempts
        user, _ = await db.read(_find, name)
        if user is not None and not user.is_disabled:
            await db.write(_reset, self._clock.now(), self._vault, base_url, user)

    async def hash(self, password: str) -> str:
        """The hash of a new password."""
        async with self._hashers:
            return await asyncio.to_thread(hash_password, password)

    async def _verify(self, hashed: str, password: str) -> bool:
        if len(password) > MAX_PASSWORD:
            return False
        async with self._hashers:
            return await asyncio.to_thread(verify_password, hashed, password)


def session_seconds(tx: Read, account_id: str) -> int:
    """How long a session in an account lasts."""
    return accounts.account(tx, account_id).absolute_seconds or SESSION_SECONDS


def begin_session(tx: Write, now: int, user: User) -> NewKey:
    """A session of a user. Raises KeyLimitReached."""
    store.change(tx, user.id, {"signed_in_at": now})
    return accounts.create_key(
        tx,
        now,
        user.account_id,
        role=user.role,
        kind=Kind.WEB,
        description="session",
        email=user.email,
        user_id=user.id,
        user_name=user.name or user.email,
        expiration=session_seconds(tx, user.account_id),
    )


def _reset(tx: Write, now: int, vault: Vault, base_url: str, user: User) -> None:
    purpose = Purpose.RESET if user.activated else Purpose.INVITATION
    mail_link(tx, now, vault, base_url, user, purpose)
    tx.describe(by=(user.account_id, user.id))


def _find(tx: Read, email: str) -> tuple[User | None, Secrets | None]:
    user = store.by_email(tx, email) if "\0" not in email else None
    if user is None or accounts.account(tx, user.account_id).status is Status.CLOSED:
        return None, None
    return user, store.secrets_of(tx, user.id)


def _begin(tx: Write, now: int, user: User, held: Secrets, vault: Vault, code: str) -> NewKey:
    current = store.secrets_of(tx, user.id)
    fresh = store.get(tx, user.account_id, user.id)
    # Changed while the password was judged.
    if current is None or fresh is None or fresh.is_disabled or current.password_hash != held.password_hash:
        raise BadSignIn
    tx.describe(by=(user.account_id, user.id))
    if current.tfa_active:
        factors.check(tx, now, user.id, vault, code)
    return begin_session(tx, now, fresh)
