"""Secrets at rest: what we must know again is encrypted, what we only compare is hashed.

The encryption key lies in a file of its own, outside the store, so that a copy of the database alone opens
nothing. Files are made with mode 0600.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12  # bytes, the size AES-GCM is specified for (NIST SP 800-38D, 8.2.1)


class SecretsError(RuntimeError):
    """The key file is unusable, or a stored secret was not sealed with it."""


class Vault:
    """Seals and opens small secrets with AES-256-GCM; `context` binds a secret to its place."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise SecretsError("the key file must hold 64 hex digits (32 bytes)")
        self._aead = AESGCM(key)
        self._mac = hashlib.sha256(b"postwright mac" + key).digest()

    @classmethod
    def from_file(cls, path: Path) -> "Vault":
        """Read the key file, making it (mode 0600, synced) when it is not there yet."""
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(fd, "w") as out:
                out.write(secrets.token_hex(32) + "\n")
                out.flush()
                os.fsync(out.fileno())
        try:
            return cls(bytes.fromhex(path.read_text().strip()))
        except ValueError as wrong:
            raise SecretsError(f"{path} is not a key file: 64 hex digits expected") from wrong

    def seal(self, secret: bytes, context: str) -> bytes:
        """Encrypt `secret`; only `open` with the same `context` gives it back."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The secret sealed under `context`. Raises SecretsError."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], context.encode())
        except InvalidTag as wrong:
            raise SecretsError(f"secret {context!r} was not sealed with this key file") from wrong

    def derive(self, purpose: str) -> bytes:
        """A key of its own for `purpose`, for code that takes a key."""
        return hmac.digest(self._mac, b"key:" + purpose.encode(), "sha256")

    def mac(self, data: bytes, size: int = 16) -> bytes:
        """A keyed digest of `data`, for tokens we hand out and get back (VERP, links)."""
        return hmac.digest(self._mac, data, "sha256")[:size]


def digest(secret: str) -> str:
    """SHA-256 in hex of a *random* secret (API keys have 128 bits or more, so no slow hash is needed)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(a: str, b: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(a.encode(), b.encode())
