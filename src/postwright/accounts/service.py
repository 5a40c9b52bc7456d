"""Rules of accounts, their API keys and their signing keys."""

import re
import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id, key_id
from postwright.kernel.secrets import Vault, digest
from postwright.mail.addresses import AddressError, to_ascii

from . import allowlist, store
from .errors import AccountNotFound, BadKey, KeyLimitReached, KeyNotFound
from .records import Account, Holder, Key, NewKey, Status
from .roles import Kind, Role

MAX_KEYS = 1000  # of one account, ours: their list is not paged (behaviour.md 18.1)
WEB_LIFE = 86_400  # seconds, both the default and the maximum (behaviour.md 1.1)
MAX_LIFE = 100 * 365 * 86_400  # seconds; a century is for ever, and its end is still a date with four digits
MAX_DESCRIPTION = 1000  # characters
MAX_NAME = 320  # characters: the longest e-mail address (RFC 5321 §4.5.3.1: 64 + 1 + 255)

# In the order in which the official texts list them (behaviour.md 16).
KINDS = (Kind.DOMAIN, Kind.USER, Kind.WEB)
# Nobody can make a support key through the API (behaviour.md 1.1).
ROLES = (Role.ADMIN, Role.BASIC, Role.SENDING, Role.DEVELOPER)

# A session has the role of its user, whatever that is (behaviour.md 1.1 and 16).
SESSION_ROLES = (Role.ADMIN, Role.BASIC, Role.DEVELOPER, Role.SUPPORT, Role.BILLING)

# Whether an account has a domain: `domains` lies above us, so whoever puts the program together passes it in.
OwnsDomain = Callable[[Read, str, str], bool]

# How many messages of an account were accepted since a time: events lie beside us.
Accepted = Callable[[Read, str, int], int]

_KEY_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}")
_ACCOUNT_ID = re.compile(r"[0-9a-f]{24}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")

E = TypeVar("E", bound=StrEnum)


def holder(tx: Read, secret_digest: str) -> Holder | None:
    """Who holds the secret of that digest, and from where it may be used."""
    found = store.holder(tx, secret_digest)
    if found is None:
        return None
    listed = allowlist.networks(tx, found.principal.account_id)
    return msgspec.structs.replace(found, networks=listed) if listed else found


def any_account(tx: Read) -> str | None:
    """The first account of the installation, None before the first start."""
    return store.first_account(tx)


def family(tx: Read, account_id: str) -> dict[str, str]:
    """Names by id of an account and its subaccounts, its own first."""
    return dict(store.family(tx, account_id))


def create_account(
    tx: Write, now: int, name: str, owner_email: str, vault: Vault, parent_id: str | None = None
) -> str:
    """Open an account (below `parent_id`: a subaccount) with a signing key; its id."""
    account_id = hex_id()
    store.insert_account(
        tx,
        {
            "id": account_id,
            "parent_id": parent_id,
            "name": name,
            "status": Status.OPEN,
            "owner_email": owner_email,
            "signing_key": _sealed(vault, account_id, _new_signing_key()),
            # Nobody has seen this one: a public key is shown only when it is regenerated.
            "public_key": digest(_new_public_key()),
            "created_at": now,
            "updated_at": now,
        },
    )
    return account_id


def create_key(
    tx: Write,
    now: int,
    account_id: str,
    *,
    role: str,
    kind: str = Kind.USER,
    description: str = "",
    domain_name: str | None = None,
    email: str | None = None,
    user_id: str | None = None,
    user_name: str | None = None,
    expiration: int | None = None,
    secret: str | None = None,
    owns_domain: OwnsDomain | None = None,
) -> NewKey:
    """Make a key of `account_id` that lives `expiration` seconds, with a random secret unless one is given.

    Raises BadKey, KeyLimitReached, AccountNotFound.
    """
    wanted = parse_kind(kind) or Kind.USER
    key = Key(
        id=key_id(),
        kind=wanted,
        role=_role(wanted, role),
        description=_text("description", description, MAX_DESCRIPTION) or "",
        domain_name=_domain(wanted, domain_name),
        requestor=_text("email", email),
        user_id=_text("user_id", user_id),
        user_name=_text("user_name", user_name),
        expires_at=_end(wanted, now, expiration),
        is_disabled=False,
        disabled_reason=None,
        created_at=now,
        updated_at=now,
    )
    if wanted is Kind.WEB and not (key.user_id and key.requestor):
        raise BadKey("`user_id` and `email` params are required for keys of kind web")
    if key.domain_name and owns_domain and not owns_domain(tx, account_id, key.domain_name):
        raise BadKey(f"domain {key.domain_name} not found")
    if not store.lock_account(tx, account_id):
        raise AccountNotFound
    # Sessions end by the thousand; what has ended must not use up the limit.
    store.delete_ended_sessions(tx, account_id, now)
    if store.count_keys(tx, account_id) >= MAX_KEYS:
        raise KeyLimitReached
    secret = secret or f"{secrets.token_hex(16)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    if not store.insert_key(tx, account_id, key, digest(secret)):
        raise BadKey("another key has this secret")
    return NewKey(key, secret)


def list_keys(
    tx: Read, account_id: str, kind: str | None = None, domain_name: str | None = None
) -> list[Key]:
    """The keys of an account, oldest first, all or those of one kind or domain. Raises BadKey."""
    wanted = parse_kind(kind)
    return store.keys(tx, account_id, wanted, _name(domain_name) if domain_name else None)


def delete_key(tx: Write, account_id: str, key_id: str) -> None:
    """Delete a key, the one that asks for it included. Raises KeyNotFound."""
    if not _KEY_ID.fullmatch(key_id) or not store.delete_key(tx, account_id, key_id):
        raise KeyNotFound


def get_key(tx: Read, account_id: str, key_id: str) -> Key:
    """A key. Raises KeyNotFound."""
    found = store.key(tx, account_id, key_id)
    if found is None:
        raise KeyNotFound
    return found


def user_sessions(tx: Read, account_id: str, user_id: str) -> list[Key]:
    """The sessions of a user, oldest first."""
    return [key for key in store.keys(tx, account_id, Kind.WEB, None) if key.user_id == user_id]


def delete_sessions(tx: Write, account_id: str, user_id: str, keep: str = "") -> int:
    """End the sessions of a user, all but the key `keep`; how many."""
    return store.delete_user_keys(tx, account_id, user_id, keep)


def delete_domain_keys(tx: Write, account_id: str, domain_name: str) -> int:
    """Delete the keys of a domain that goes, or they would open the next one of that name; how many."""
    return store.delete_domain_keys(tx, account_id, domain_name)


def regenerate_public_key(tx: Write, now: int, account_id: str) -> str:
    """Replace the public key; the new one, which nothing can show again. Raises AccountNotFound."""
    public = _new_public_key()
    _set(tx, now, account_id, "public_key", digest(public))
    return public


def signing_key(tx: Read, account_id: str, vault: Vault) -> str:
    """The key that webhooks of the account are signed with. Raises AccountNotFound, SecretsError."""
    sealed = store.sealed_signing_key(tx, account_id)
    if sealed is None:
        raise AccountNotFound
    return vault.open(sealed, _place(account_id)).decode()


def regenerate_signing_key(tx: Write, now: int, account_id: str, vault: Vault) -> str:
    """Replace the signing key; the new one. Raises AccountNotFound."""
    key = _new_signing_key()
    _set(tx, now, account_id, "signing_key", _sealed(vault, account_id, key))
    return key


def account(tx: Read, account_id: str) -> Account:
    """An account. Raises AccountNotFound."""
    found = store.account(tx, account_id)
    if found is None:
        raise AccountNotFound
    return found


def child_status(tx: Read, parent_id: str, account_id: str) -> Status | None:
    """The status of a subaccount of `parent_id`; None when it has no such."""
    return store.child_status(tx, parent_id, account_id) if _ACCOUNT_ID.fullmatch(account_id) else None


def same_domain(given: str, domain_name: str | None) -> bool:
    """Whether a domain in a request, however it is spelt, is the one of a key."""
    try:
        return to_ascii(given) == domain_name
    except AddressError:
        return False


def parse_kind(text: str | None) -> Kind | None:
    """The kind of that name; None when there is no name. Raises BadKey."""
    return _one_of("kind", KINDS, text, " or absent") if text else None


def _one_of(name: str, known: tuple[E, ...], text: str, otherwise: str = "") -> E:
    for one in known:
        if one == text:
            return one
    raise BadKey(f"expected `{name}` param to be one of [{' '.join(known)}]{otherwise}")


def _role(kind: Kind, text: str) -> Role:
    if kind is Kind.WEB and text in SESSION_ROLES:
        return Role(text)
    role = _one_of("role", ROLES, text)
    if (kind is Kind.DOMAIN) != (role is Role.SENDING):
        raise BadKey("role sending is for keys of kind domain, which can have no other role")
    return role


def _domain(kind: Kind, name: str | None) -> str | None:
    if kind is Kind.DOMAIN:
        if not name:
            raise BadKey("`domain_name` param is required for keys of kind domain")
        return _name(name)
    if name:
        # Without this, who asks for a key of one domain and forgets the kind gets one for the whole account.
        raise BadKey("`domain_name` param is for keys of kind domain")
    return None


def _name(text: str) -> str:
    try:
        return to_ascii(text)
    except AddressError as wrong:
        raise BadKey(f"`domain_name` param is not valid: {wrong}") from wrong


def _end(kind: Kind, now: int, expiration: int | None) -> int | None:
    longest = WEB_LIFE if kind is Kind.WEB else MAX_LIFE
    if expiration is None:
        return now + WEB_LIFE * SECOND if kind is Kind.WEB else None
    if expiration <= 0:
        raise BadKey("`expiration` param must be greater than 0")
    if expiration > longest:
        raise BadKey(f"`expiration` param must not be greater than {longest} for keys of kind {kind}")
    return now + expiration * SECOND


def _text(name: str, value: str | None, longest: int = MAX_NAME) -> str | None:
    """Text to keep and show: neither too long nor with control characters (PostgreSQL keeps no NUL)."""
    if not value:
        return None
    if len(value) > longest:
        raise BadKey(f"`{name}` param must not be longer than {longest} characters")
    if _UNPRINTABLE.search(value):
        raise BadKey(f"`{name}` param must not have control characters")
    return value


def _set(tx: Write, now: int, account_id: str, column: str, value: str | bytes) -> None:
    if not store.set_account(tx, account_id, {column: value, "updated_at": now}):
        raise AccountNotFound


def _new_public_key() -> str:
    return f"pubkey-{secrets.token_hex(16)}"


def _new_signing_key() -> str:
    return secrets.token_hex(16)


def _place(account_id: str) -> str:
    return f"signing key of {account_id}"


def _sealed(vault: Vault, account_id: str, key: str) -> bytes:
    return vault.seal(key.encode(), _place(account_id))
