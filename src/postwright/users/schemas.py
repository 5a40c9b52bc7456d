"""Requests and replies about people and their sessions."""

from typing import Any

import msgspec

from postwright.accounts import Account, Key, Principal
from postwright.kernel.http import dates
from postwright.kernel.http.paging import Limit

from .records import User


class Parts(msgspec.Struct):
    """The parts of an address."""

    local_part: str
    domain: str
    display_name: str = ""


class EmailDetails(msgspec.Struct):
    """An address, taken apart."""

    address: str
    is_valid: bool
    reason: str | None
    parts: Parts


class Preferences(msgspec.Struct):
    """How a person likes to see things."""

    time_zone: str
    time_format: str = "24h"
    programming_language: str = "curl"


class AuthMethod(msgspec.Struct):
    """How a person signs in."""

    method: str = "password"
    prior_method: str | None = None
    prior_details: dict[str, Any] = {}


class UserShown(msgspec.Struct, kw_only=True):
    """A user. Times are UTC and carry no zone."""

    id: str
    activated: bool
    name: str
    is_disabled: bool
    email: str
    email_details: EmailDetails
    role: str
    account_id: str
    opened_ip: str
    is_master: bool
    metadata: dict[str, Any]
    tfa_enabled: bool
    tfa_active: bool
    tfa_created_at: str | None
    password_updated_at: str | None
    preferences: Preferences
    auth: AuthMethod
    github_user_id: str | None
    salesforce_user_id: str | None
    migration_status: str | None
    created_at: str
    last_sign_in_at: str | None


class UserList(msgspec.Struct):
    """Users of an account, oldest first."""

    users: list[UserShown]
    total: int


class UserQuery(Limit, kw_only=True):
    """Which users to list."""

    most = 1000

    skip: int = 0
    role: str = ""


class Invite(msgspec.Struct, kw_only=True):
    """Somebody to invite."""

    email: str
    role: str
    name: str = ""


class ChangeUser(msgspec.Struct, kw_only=True):
    """What to change of a user."""

    role: str = ""
    name: str | None = None
    disabled: bool | None = None


class ChangeMe(msgspec.Struct, kw_only=True):
    """What to change of oneself."""

    name: str | None = None
    time_zone: str | None = None


class UserDone(msgspec.Struct):
    """What was done to whom."""

    message: str
    user: UserShown


class Done(msgspec.Struct):
    """What was done."""

    message: str


class Success(msgspec.Struct):
    """It is done."""

    success: bool = True


class SignInForm(msgspec.Struct, kw_only=True):
    """Who wants to sign in. `code`: of the authenticator, or a recovery code."""

    email: str
    password: str
    code: str = ""


class LinkForm(msgspec.Struct, kw_only=True):
    """A link from a mail."""

    token: str


class LinkShown(msgspec.Struct):
    """Who a link is for. `purpose`: invitation or reset."""

    email: str
    name: str
    purpose: str


class AcceptForm(msgspec.Struct, kw_only=True):
    """The password that the reader of a link chose."""

    token: str
    password: str
    name: str = ""


class ResetForm(msgspec.Struct, kw_only=True):
    """Who forgot a password."""

    email: str


class PasswordForm(msgspec.Struct, kw_only=True):
    """The password of now and the next one."""

    password: str
    new_password: str


class ProofForm(msgspec.Struct, kw_only=True):
    """The password of now, for what a stolen session must not do."""

    password: str


class CodeForm(msgspec.Struct, kw_only=True):
    """A code of the authenticator."""

    code: str


class Enrolment(msgspec.Struct):
    """A secret for an authenticator, as text and as the URL of a QR code."""

    secret: str
    url: str


class RecoveryCodes(msgspec.Struct):
    """Codes that each sign in once without the authenticator. They are shown only here."""

    recovery_codes: list[str]


class AccountShown(msgspec.Struct):
    """The account that one is signed in to."""

    id: str
    name: str
    status: str
    parent_id: str | None


class SessionShown(msgspec.Struct, kw_only=True):
    """Who is signed in. `user` is null for a key of a program, `csrf_token` without a session's cookie.

    Send `csrf_token` in the header X-CSRF-Token with every request that is not a GET.
    """

    user: UserShown | None
    account: AccountShown
    role: str
    kind: str
    key_id: str
    csrf_token: str | None
    expires_at: str | None


class OpenSession(msgspec.Struct):
    """A session of one's own."""

    id: str
    created_at: str
    expires_at: str | None
    current: bool


class OpenSessions(msgspec.Struct):
    """One's own sessions."""

    items: list[OpenSession]


def shown(user: User) -> UserShown:
    """A user as the API shows them."""
    local, _, domain = user.email.rpartition("@")
    return UserShown(
        id=user.id,
        activated=user.activated,
        name=user.name,
        is_disabled=user.is_disabled,
        email=user.email,
        email_details=EmailDetails(user.email, True, None, Parts(local, domain)),
        role=user.role,
        account_id=user.account_id,
        opened_ip=user.opened_ip,
        is_master=user.is_master,
        metadata={},
        tfa_enabled=user.tfa_active,
        tfa_active=user.tfa_active,
        tfa_created_at=_time(user.tfa_created_at),
        password_updated_at=_time(user.password_updated_at),
        preferences=Preferences(user.time_zone),
        auth=AuthMethod(),
        github_user_id=None,
        salesforce_user_id=None,
        migration_status=None,
        created_at=dates.plain_micros(user.created_at),
        last_sign_in_at=_time(user.signed_in_at),
    )


def open_sessions(keys: list[Key], current: str) -> OpenSessions:
    """Sessions as the panel lists them."""
    return OpenSessions(
        [
            OpenSession(
                key.id,
                dates.rfc3339(key.created_at),
                None if key.expires_at is None else dates.rfc3339(key.expires_at),
                key.id == current,
            )
            for key in keys
        ]
    )


def session_shown(
    principal: Principal, account: Account, user: User | None, csrf: str | None, expires_at: int | None
) -> SessionShown:
    """A session as the panel wants it."""
    return SessionShown(
        user=None if user is None else shown(user),
        account=AccountShown(account.id, account.name, account.status, account.parent_id),
        role=principal.role,
        kind=principal.kind,
        key_id=principal.key_id,
        csrf_token=csrf,
        expires_at=None if expires_at is None else dates.rfc3339(expires_at),
    )


def _time(micros: int | None) -> str | None:
    return None if micros is None else dates.plain_micros(micros)
