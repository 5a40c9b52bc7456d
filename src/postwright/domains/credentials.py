"""SMTP logins of a domain."""

import secrets
from collections.abc import Mapping, Sequence

import msgspec

from postwright.kernel import passwords
from postwright.kernel.db import Read, Write
from postwright.mail.addresses import AddressError, parse_one, to_ascii

from . import store
from .errors import BadLogin, BadPassword, CredentialsNotFound, DomainNotFound, SystemMailbox
from .records import Domain

SYSTEM = "postmaster"  # the login that every domain may have and nobody deletes
MAX_LOGINS = 100  # in one call
MIN_PASSWORD, MAX_PASSWORD = 5, 32  # characters (behaviour.md 13.6)


class Credential(msgspec.Struct, frozen=True):
    """A login and whose it is."""

    account_id: str
    domain_id: str
    domain: str
    password_hash: str
    message_ttl: int
    return_host: str
    account_status: str  # accounts.Status


def hash_password(password: str) -> str:
    """The hash of a password; slow on purpose. Raises BadPassword."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadPassword
    return passwords.hash_password(password)


def login(tx: Read, name: str) -> Credential | None:
    """The credential called `user@domain` (lower case), or None."""
    local, _, domain = name.rpartition("@")
    row = store.credential(tx, domain, local) if local else None
    return None if row is None else Credential(*row)  # the columns are its fields


def set_password(tx: Write, domain_id: str, local: str, password_hash: str, now: int) -> None:
    """Make a login, or give it another password."""
    store.put_credential(tx, domain_id, local, password_hash, now)


page = store.credentials_page


def new_password() -> str:
    """A password nobody guesses, 32 characters."""
    return secrets.token_hex(MAX_PASSWORD // 2)


def local_of(spec: str, domain: str) -> str:
    """The local part that `spec`, itself or a whole address of the domain, names; "" for another domain's."""
    local, at, host = spec.strip().lower().rpartition("@")
    if not at:
        return host
    return local if _ascii(host) == domain else ""


def _ascii(host: str) -> str:
    try:
        return to_ascii(host)
    except AddressError:
        return ""


def new_locals(logins: Sequence[str], domain: str) -> list[str]:
    """The local parts of logins to create. Raises BadLogin."""
    given = [login for login in logins if login.strip()]
    if not given:
        raise BadLogin("Parameter 'login' is missing")
    if len(given) > MAX_LOGINS:
        raise BadLogin(f"Too many logins in one call, max is {MAX_LOGINS}")
    found = []
    for login in given:
        local = local_of(login, domain)
        if not local:
            raise BadLogin(f"Login {login[:200]} is not of the domain {domain}")
        try:
            parse_one(f"{local}@{domain}")
        except AddressError as wrong:
            raise BadLogin(f"Login {login[:200]} is not valid: {wrong}") from wrong
        found.append(local)
    return list(dict.fromkeys(found))


def need(tx: Read, domain_id: str, local: str) -> None:
    """Raise CredentialsNotFound unless the domain has the login."""
    if not local or not store.has_credential(tx, domain_id, local):
        raise CredentialsNotFound


def create(tx: Write, now: int, account_id: str, domain: str, hashes: Mapping[str, str]) -> None:
    """Make logins; one that exists gets the new password. Raises DomainNotFound."""
    found = _domain(tx, account_id, domain)
    for local, password_hash in hashes.items():
        set_password(tx, found.id, local, password_hash, now)


def change(tx: Write, now: int, account_id: str, domain: str, local: str, password_hash: str) -> None:
    """Give a login another password. Raises DomainNotFound, CredentialsNotFound."""
    if not store.set_hash(tx, _domain(tx, account_id, domain).id, local, password_hash):
        raise CredentialsNotFound


def remove(tx: Write, account_id: str, domain: str, spec: str) -> str:
    """Delete a login; its whole name. Raises DomainNotFound, CredentialsNotFound, SystemMailbox."""
    found = _domain(tx, account_id, domain)
    local = local_of(spec, found.name)
    login = f"{local}@{found.name}"
    if local == SYSTEM:
        raise SystemMailbox(f"Cannot delete system mailbox: {login}")
    if not local or not store.remove_credential(tx, found.id, local):
        raise CredentialsNotFound
    return login


def clear(tx: Write, account_id: str, domain: str) -> int:
    """Delete all logins but the system's; how many. Raises DomainNotFound."""
    return store.clear_credentials(tx, _domain(tx, account_id, domain).id, SYSTEM)


def _domain(tx: Read, account_id: str, name: str) -> Domain:
    found = store.find(tx, account_id, _ascii(name))
    if found is None:
        raise DomainNotFound
    return found
