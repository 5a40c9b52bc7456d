"""Sessions of the panel over HTTP, and what people do about themselves.

A session lives in a cookie that scripts cannot read, and that browsers send from our own pages only. What changes
something needs the session's CSRF token in a header as well; what needs no session yet is refused to other sites.
"""

from typing import Any

from litestar import Request

from postwright import accounts
from postwright.accounts import COOKIE, Area, Keyring, Kind, NotAllowed, Principal, csrf_token
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import PUBLIC, Controller, Reply, delete, get, post, put
from postwright.kernel.secrets import Vault
from postwright.kernel.settings import Settings

from .. import factors, schemas, service, store
from ..errors import (
    AlreadyEnrolled,
    BadCode,
    BadLink,
    BadPassword,
    BadSignIn,
    BadUser,
    CodeRequired,
    NoPublicUrl,
    NotAUser,
    NotEnrolled,
    TooManyAttempts,
    WrongPassword,
)
from ..records import User
from ..signing_in import SignIn, begin_session, session_seconds
from .mine import own_user

_PATH = "/postwright/v1/session"


class Session(Controller):
    """Signing in and out."""

    @post(
        _PATH, id="session.begin", access=PUBLIC, errors=(BadSignIn, CodeRequired, BadCode, TooManyAttempts)
    )
    async def begin(
        self,
        request: Request[Any, Any, Any],
        db: Db,
        base_url: str,
        sign_in: SignIn,
        fields: schemas.SignInForm,
    ) -> Reply[schemas.SessionShown]:
        """Sign in with e-mail address and password, and a code when there is a second factor."""
        _same_site(request)
        user, made = await sign_in.sign_in(db, fields.email, fields.password, fields.code, _peer(request))
        return await _opened(db, base_url, user, made)

    @get(_PATH, id="session.get", access=Area.SESSION)
    async def show(
        self, request: Request[Any, Any, Any], principal: Principal, db: Db
    ) -> schemas.SessionShown:
        """Show who is signed in, and the token for requests that change something."""
        user = await db.read(store.get, principal.home_id, principal.user_id) if principal.user_id else None
        account = await db.read(accounts.account, principal.account_id)
        secret = None if request.headers.get("authorization") else request.cookies.get(COOKIE)
        key = await db.read(accounts.get_key, principal.home_id, principal.key_id)
        return schemas.session_shown(
            principal, account, user, csrf_token(secret) if secret else None, key.expires_at
        )

    @delete(_PATH, id="session.end", access=Area.SESSION)
    async def end(
        self, principal: Principal, db: Db, base_url: str, authenticator: Keyring
    ) -> Reply[schemas.Done]:
        """Sign out: the session opens nothing any more."""
        if principal.kind is not Kind.WEB:
            raise NotAllowed  # a program's key is deleted as a key
        await db.write(accounts.delete_key, principal.home_id, principal.key_id)
        authenticator.forget()
        return Reply(schemas.Done("Signed out"), headers={"set-cookie": _cookie("", base_url, 0)})

    @get(_PATH + "/all", id="session.list", access=Area.SESSION, errors=(NotAUser,))
    async def page(self, principal: Principal, db: Db) -> schemas.OpenSessions:
        """List one's own sessions."""
        user = await own_user(db, principal)
        keys = await db.read(accounts.user_sessions, user.account_id, user.id)
        return schemas.open_sessions(keys, principal.key_id)

    @delete(_PATH + "/all", id="session.end_others", access=Area.SESSION, errors=(NotAUser,))
    async def end_others(self, principal: Principal, db: Db, authenticator: Keyring) -> schemas.Done:
        """End all of one's sessions but this one."""
        user = await own_user(db, principal)
        await db.write(accounts.delete_sessions, user.account_id, user.id, principal.key_id)
        authenticator.forget()
        return schemas.Done("Signed out everywhere else")


class Links(Controller):
    """Links from mails: invitations and forgotten passwords."""

    # A POST, although it changes nothing: the token stands in the body, as addresses end up in logs of proxies.
    @post(_PATH + "/link/show", id="session.link.show", access=PUBLIC, reads=True, errors=(BadLink,))
    async def show(self, db: Db, clock: Clock, fields: schemas.LinkForm) -> schemas.LinkShown:
        """Show who a link from a mail is for."""
        user, purpose = await db.read(service.invited, clock.now(), fields.token)
        return schemas.LinkShown(user.email, user.name, purpose)

    @post(_PATH + "/link", id="session.link.accept", access=PUBLIC, errors=(BadLink, BadPassword, BadUser))
    async def accept(
        self,
        request: Request[Any, Any, Any],
        db: Db,
        clock: Clock,
        base_url: str,
        sign_in: SignIn,
        fields: schemas.AcceptForm,
    ) -> Reply[schemas.SessionShown] | Reply[schemas.Done]:
        """Choose a password with a link from a mail. Who has no second factor is signed in."""
        _same_site(request)
        service.check_password(fields.password)
        await db.read(service.invited, clock.now(), fields.token)  # no slow hash for a link that is none
        hashed = await sign_in.hash(fields.password)
        user = await db.write(service.accept, clock.now(), fields.token, hashed, _peer(request), fields.name)
        if user.tfa_active:
            return Reply(schemas.Done("Password changed, please sign in"))
        return await _opened(db, base_url, user, await db.write(begin_session, clock.now(), user))

    @post(_PATH + "/reset", id="session.reset", access=PUBLIC, errors=(TooManyAttempts, NoPublicUrl))
    async def reset(
        self,
        request: Request[Any, Any, Any],
        db: Db,
        settings: Settings,
        base_url: str,
        sign_in: SignIn,
        fields: schemas.ResetForm,
    ) -> schemas.Done:
        """Have a link mailed for a forgotten password. The answer is the same whether the address is known."""
        _same_site(request)
        # Else the link would begin with the Host header of whoever asks, and lead its reader with the token to them.
        if not (settings.public_url or settings.capture):
            raise NoPublicUrl
        await sign_in.forgotten(db, fields.email, _peer(request), base_url)
        return schemas.Done("If the address is known, a link is on its way")


class Myself(Controller):
    """One's own name, password and second factor."""

    @put(_PATH + "/profile", id="session.profile", access=Area.SESSION, errors=(NotAUser, BadUser))
    async def profile(
        self, principal: Principal, db: Db, clock: Clock, fields: schemas.ChangeMe
    ) -> schemas.UserDone:
        """Change one's own name or time zone."""
        user = await own_user(db, principal)
        changed = await db.write(
            service.change,
            clock.now(),
            user.account_id,
            user.id,
            name=fields.name,
            time_zone=fields.time_zone,
        )
        return schemas.UserDone("Saved", schemas.shown(changed))

    @put(
        _PATH + "/password",
        id="session.password",
        access=Area.SESSION,
        errors=(NotAUser, WrongPassword, BadPassword),
    )
    async def password(
        self,
        request: Request[Any, Any, Any],
        principal: Principal,
        db: Db,
        clock: Clock,
        sign_in: SignIn,
        authenticator: Keyring,
        fields: schemas.PasswordForm,
    ) -> schemas.Done:
        """Change one's own password. All other sessions end."""
        user = await own_user(db, principal)
        service.check_password(fields.new_password)
        await _prove(request, db, sign_in, user, fields.password)
        hashed = await sign_in.hash(fields.new_password)
        await db.write(service.set_password, clock.now(), user, hashed, keep=principal.key_id)
        authenticator.forget()
        return schemas.Done("Password changed")

    @post(
        _PATH + "/totp",
        id="session.totp.enrol",
        access=Area.SESSION,
        errors=(NotAUser, WrongPassword, AlreadyEnrolled),
    )
    async def enrol(
        self,
        request: Request[Any, Any, Any],
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        sign_in: SignIn,
        fields: schemas.ProofForm,
    ) -> schemas.Enrolment:
        """Begin to set up an authenticator. Codes are asked for once one was verified."""
        user = await own_user(db, principal)
        await _prove(request, db, sign_in, user, fields.password)
        return schemas.Enrolment(*await db.write(factors.enrol, clock.now(), user, vault))

    @post(
        _PATH + "/totp/verify",
        id="session.totp.verify",
        access=Area.SESSION,
        errors=(NotAUser, BadCode, NotEnrolled, AlreadyEnrolled),
    )
    async def verify(
        self, principal: Principal, db: Db, clock: Clock, vault: Vault, fields: schemas.CodeForm
    ) -> schemas.RecoveryCodes:
        """Turn the authenticator on with a code of it. The recovery codes are shown only here."""
        user = await own_user(db, principal)
        return schemas.RecoveryCodes(await db.write(factors.activate, clock.now(), user, vault, fields.code))

    @post(
        _PATH + "/totp/recovery",
        id="session.totp.recovery",
        access=Area.SESSION,
        errors=(NotAUser, WrongPassword, NotEnrolled),
    )
    async def recovery(
        self,
        request: Request[Any, Any, Any],
        principal: Principal,
        db: Db,
        sign_in: SignIn,
        fields: schemas.ProofForm,
    ) -> schemas.RecoveryCodes:
        """Make new recovery codes; the old ones work no more."""
        user = await own_user(db, principal)
        if not user.tfa_active:
            raise NotEnrolled
        await _prove(request, db, sign_in, user, fields.password)
        return schemas.RecoveryCodes(await db.write(factors.renew, user.id))

    @delete(_PATH + "/totp", id="session.totp.drop", access=Area.SESSION, errors=(NotAUser, WrongPassword))
    async def drop(
        self,
        request: Request[Any, Any, Any],
        principal: Principal,
        db: Db,
        clock: Clock,
        sign_in: SignIn,
        fields: schemas.ProofForm,
    ) -> schemas.Done:
        """Ask for codes no more."""
        user = await own_user(db, principal)
        await _prove(request, db, sign_in, user, fields.password)
        await db.write(factors.drop, clock.now(), user.id)
        return schemas.Done("Two-factor authentication is off")


async def _prove(request: Request[Any, Any, Any], db: Db, sign_in: SignIn, user: User, password: str) -> None:
    if not await sign_in.is_password(db, user, password, _peer(request)):
        raise WrongPassword


async def _opened(db: Db, base_url: str, user: User, made: accounts.NewKey) -> Reply[schemas.SessionShown]:
    key = made.key
    principal = Principal(user.account_id, key.id, key.kind, key.role, user_id=user.id)
    account = await db.read(accounts.account, user.account_id)
    seconds = await db.read(session_seconds, user.account_id)
    said = schemas.session_shown(principal, account, user, csrf_token(made.secret), key.expires_at)
    return Reply(said, headers={"set-cookie": _cookie(made.secret, base_url, seconds)})


def _cookie(secret: str, base_url: str, seconds: int) -> str:
    secure = "; Secure" if base_url.startswith("https:") else ""
    return f"{COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _same_site(request: Request[Any, Any, Any]) -> None:
    """Refuse what a page of another site makes a browser send (Fetch Metadata; programs send no such header)."""
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise NotAllowed


def _peer(request: Request[Any, Any, Any]) -> str:
    return request.client.host if request.client else ""


CONTROLLERS = (Session, Links, Myself)
