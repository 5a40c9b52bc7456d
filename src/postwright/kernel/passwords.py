"""Passwords of people and of SMTP logins: Argon2id, slow on purpose."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's second recommendation for Argon2id (19 MiB, two passes): some 25 ms here, and a burst of logins does
# not take all memory.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# A hash of nothing anybody knows: a login that does not exist must take as long as one that does.
NO_PASSWORD = _hasher.hash("a password that nobody has \0")


def hash_password(password: str) -> str:
    """The hash of a password."""
    return _hasher.hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password is the hashed one."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
