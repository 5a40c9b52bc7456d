"""SMTP logins of a domain."""

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from postwright.kernel.db import Read, Write

from . import store
from .errors import BadPassword

# OWASP's second recommendation for Argon2id (19 MiB, two passes): some 25 ms here, and a burst of logins does
# not take all memory.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# A hash of nothing anybody knows: a login that does not exist must take as long as one that does.
NO_PASSWORD = _hasher.hash("a password that nobody has \0")
MIN_PASSWORD, MAX_PASSWORD = 5, 32  # characters (behaviour.md 13.6)


class Credential(msgspec.Struct, frozen=True):
    """A login and whose it is."""

    account_id: str
    domain_id: str
    domain: str
    password_hash: str
    message_ttl: int
    return_host: str
    ips: str


def hash_password(password: str) -> str:
    """The hash of a password; slow on purpose. Raises BadPassword."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadPassword
    return _hasher.hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password is the hashed one; slow on purpose."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def login(tx: Read, name: str) -> Credential | None:
    """The credential called `user@domain` (lower case), or None."""
    local, _, domain = name.rpartition("@")
    row = store.credential(tx, domain, local) if local else None
    return None if row is None else Credential(*row)  # type: ignore[call-arg]  # the columns are its fields


def set_password(tx: Write, domain_id: str, local: str, password_hash: str, now: int) -> None:
    """Make a login, or give it another password."""
    store.put_credential(tx, domain_id, local, password_hash, now)
