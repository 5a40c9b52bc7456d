"""Rules about people: invitations, roles, passwords."""

import re
import secrets

import msgspec

from postwright import accounts, notices
from postwright.accounts import Role
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id
from postwright.kernel.secrets import Vault, digest
from postwright.mail.addresses import AddressError, parse_one

from . import store
from .errors import BadLink, BadPassword, BadUser, EmailTaken, NoSuchUser
from .records import ROLES, Purpose, User

MIN_PASSWORD = 10  # characters; NIST SP 800-63B-4 asks for 15 without and 8 with a second factor
MAX_PASSWORD = 256
MAX_NAME = 100
MAX_USERS = 500  # of one account, ours
INVITATION_LIFE = 7 * 86_400  # seconds
RESET_LIFE = 3600  # seconds
# Of the panel. What is behind the # in a link goes to no server and into no log.
WELCOME_PAGE = "/panel/welcome"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


def create(
    tx: Write,
    now: int,
    account_id: str,
    email: str,
    *,
    name: str = "",
    role: str = Role.ADMIN,
    master: bool = False,
) -> User:
    """Make a user without a password. Raises BadUser, EmailTaken."""
    user = User(
        id=hex_id(),
        account_id=account_id,
        email=email_of(email),
        name=_name(name),
        role=_role(role),
        is_master=master,
        is_disabled=False,
        activated=False,
        password_updated_at=None,
        tfa_active=False,
        tfa_created_at=None,
        time_zone="UTC",
        opened_ip="",
        signed_in_at=None,
        created_at=now,
        updated_at=now,
    )
    if store.page(tx, account_id, "", 1, 0)[1] >= MAX_USERS:
        raise BadUser(f"An account may have {MAX_USERS} users")
    if not store.add(tx, msgspec.structs.asdict(user) | {"tfa_step": 0}):
        raise EmailTaken
    tx.describe(after={"id": user.id, "email": user.email, "role": user.role})
    return user


def link(tx: Write, now: int, user: User, purpose: Purpose) -> str:
    """A token that lets its bearer choose the user's password, once. Those given before work no more."""
    token = secrets.token_urlsafe(32)
    life = INVITATION_LIFE if purpose is Purpose.INVITATION else RESET_LIFE
    store.remove_links(tx, user.id)
    store.add_link(
        tx,
        {
            "digest": digest(token),
            "user_id": user.id,
            "purpose": purpose,
            "expires_at": now + life * SECOND,
        },
    )
    return token


def invite(
    tx: Write, now: int, vault: Vault, base_url: str, account_id: str, email: str, name: str, role: str
) -> User:
    """Make a user and mail them an invitation. Raises BadUser, EmailTaken."""
    user = create(tx, now, account_id, email, name=name, role=role)
    mail_link(tx, now, vault, base_url, user, Purpose.INVITATION)
    tx.describe(after={"id": user.id, "email": user.email, "role": user.role})
    return user


def invite_again(tx: Write, now: int, vault: Vault, base_url: str, account_id: str, user_id: str) -> User:
    """Mail another invitation to somebody who did not come yet. Raises NoSuchUser, BadUser."""
    user = get(tx, account_id, user_id)
    if user.activated:
        raise BadUser("The user has accepted the invitation")
    mail_link(tx, now, vault, base_url, user, Purpose.INVITATION)
    return user


def invite_owner_again(tx: Write, now: int, vault: Vault, base_url: str, account_id: str) -> None:
    """Mail the owner of an account an invitation, if they did not come yet."""
    owner = store.master(tx, account_id)
    if owner is not None and not owner.activated:
        mail_link(tx, now, vault, base_url, owner, Purpose.INVITATION)


def mail_link(tx: Write, now: int, vault: Vault, base_url: str, user: User, purpose: Purpose) -> None:
    """Mail a user a link to choose a password with."""
    token = link(tx, now, user, purpose)
    account = accounts.account(tx, user.account_id).name
    if purpose is Purpose.INVITATION:
        subject, why = f"Your invitation to {account}", f"You are invited to sign in to {account}."
        until = "The link works once, within seven days."
    else:
        subject, why = f"A new password for {account}", "Somebody, probably you, asked for a new password."
        until = "The link works once, within an hour. If it was not you, there is nothing to do."
    url = f"{base_url}{WELCOME_PAGE}#token={token}"
    text = f"{why}\n\nPlease choose your password here:\n\n{url}\n\n{until}\n"
    notices.add(tx, vault, now, user.email, subject, text)


def get(tx: Read, account_id: str, user_id: str) -> User:
    """A user of an account. Raises NoSuchUser."""
    user = store.get(tx, account_id, user_id) if "\0" not in user_id else None
    if user is None:
        raise NoSuchUser
    return user


def find(tx: Read, account_id: str, email: str) -> User | None:
    """The user of an account with that address. Raises BadUser."""
    user = store.by_email(tx, email_of(email))
    return user if user and user.account_id == account_id else None


def any_user(tx: Read, account_id: str) -> bool:
    """Whether an account has users."""
    return store.page(tx, account_id, "", 1, 0)[1] > 0


def invited(tx: Read, now: int, token: str) -> tuple[User, str]:
    """Who a link is for, and its purpose. Raises BadLink."""
    found = store.link(tx, digest(token), now)
    if found is None or found[0].is_disabled:
        raise BadLink
    return found


def accept(tx: Write, now: int, token: str, password_hash: str, address: str, name: str = "") -> User:
    """Give the user of a link the password they chose; their sessions end. Raises BadLink, BadUser."""
    user, _ = invited(tx, now, token)
    values: dict[str, object] = {"opened_ip": address} if not user.activated else {}
    if name:
        values["name"] = _name(name)
    set_password(tx, now, user, password_hash, values)
    tx.describe(by=(user.account_id, user.id), after={"email": user.email})
    return get(tx, user.account_id, user.id)


def set_password(
    tx: Write,
    now: int,
    user: User,
    password_hash: str,
    values: dict[str, object] | None = None,
    keep: str = "",
) -> None:
    """Give a user another password; links and all sessions but `keep` end."""
    store.change(
        tx,
        user.id,
        {
            "password_hash": password_hash,
            "password_updated_at": now,
            "activated": True,
            "updated_at": now,
            **(values or {}),
        },
    )
    store.remove_links(tx, user.id)
    accounts.delete_sessions(tx, user.account_id, user.id, keep)


def change(
    tx: Write,
    now: int,
    account_id: str,
    user_id: str,
    *,
    role: str = "",
    name: str | None = None,
    is_disabled: bool | None = None,
    time_zone: str | None = None,
) -> User:
    """Change a user. Sessions end when what they may do changes. Raises NoSuchUser, BadUser."""
    before = get(tx, account_id, user_id)
    values: dict[str, object] = {}
    if role and _role(role) is not before.role:
        values["role"] = _role(role)
    if name is not None:
        values["name"] = _name(name)
    if is_disabled is not None and is_disabled != before.is_disabled:
        values["is_disabled"] = is_disabled
    if time_zone is not None:
        values["time_zone"] = _text(time_zone, "time zone")
    if values.keys() & {"role", "is_disabled"}:
        if before.is_master:
            raise BadUser("The owner of the account stays an administrator")
        accounts.delete_sessions(tx, account_id, user_id)
    if values:
        store.change(tx, user_id, values | {"updated_at": now})
    after = get(tx, account_id, user_id)
    tx.describe(before=_changed(before, values), after=_changed(after, values))
    return after


def remove(tx: Write, account_id: str, user_id: str) -> User:
    """Delete a user and end their sessions. Raises NoSuchUser, BadUser."""
    user = get(tx, account_id, user_id)
    if user.is_master:
        raise BadUser("The owner of the account cannot be removed")
    accounts.delete_sessions(tx, account_id, user_id)
    store.remove(tx, user_id)
    tx.describe(before={"email": user.email, "role": user.role})
    return user


def expire(tx: Write, now: int) -> int:
    """Delete links that are too old; how many."""
    return store.expire_links(tx, now)


def email_of(text: str) -> str:
    """An address as it is compared. Raises BadUser."""
    try:
        return parse_one(text.strip()).spec.lower()
    except AddressError as wrong:
        raise BadUser("Invalid email address.") from wrong


def check_password(password: str) -> None:
    """Raise BadPassword for one that is too short or too long."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadPassword


def _changed(user: User, values: dict[str, object]) -> dict[str, object]:
    return {"email": user.email} | {name: getattr(user, name) for name in values}


def _role(text: str) -> Role:
    if text not in ROLES:
        raise BadUser(f"expected `role` param to be one of [{' '.join(ROLES)}]")
    return Role(text)


def _name(text: str) -> str:
    return _text(text.strip(), "name")


def _text(text: str, what: str) -> str:
    if len(text) > MAX_NAME or _UNPRINTABLE.search(text):
        raise BadUser(f"The {what} must have at most {MAX_NAME} characters and no control characters")
    return text
