"""What a session in a browser's cookie needs beside its key."""

import hmac
from typing import Protocol

COOKIE = "postwright_session"  # holds the secret of a key of kind web


class Keyring(Protocol):
    """What a process knows of keys."""

    def forget(self) -> None:
        """Look at every key anew: in this process a change need not take the second."""


def csrf_token(secret: str) -> str:
    """What a request that changes something has to carry beside the session's cookie.

    Other sites can make a browser send the cookie, but can neither read this nor set a header.
    """
    return hmac.digest(secret.encode(), b"postwright csrf", "sha256").hex()
