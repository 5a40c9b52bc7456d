"""The dialogues of AUTH PLAIN and AUTH LOGIN (RFC 4616, RFC 4954)."""

import binascii
from base64 import b64decode

_USERNAME = "VXNlcm5hbWU6"  # base64 of "Username:"
_PASSWORD = "UGFzc3dvcmQ6"  # noqa: S105  base64 of "Password:"


class AuthExchange:
    """One attempt to log in: takes the client's lines until it has a name and a password."""

    def __init__(self, *, plain: bool) -> None:
        self._plain = plain
        self.login = ""
        self.password = ""
        self.complete = False
        self._has_login = False

    @classmethod
    def begin(cls, mechanism: bytes) -> "AuthExchange | None":
        """The exchange for a mechanism, None when it is not known."""
        name = mechanism.upper()
        return cls(plain=name == b"PLAIN") if name in (b"PLAIN", b"LOGIN") else None

    def challenge(self) -> str:
        """What to ask for next."""
        if self._plain:
            return ""
        return _PASSWORD if self._has_login else _USERNAME

    def take(self, line: bytes) -> bool:
        """Take a line of the client; False when it cannot be part of this dialogue."""
        try:
            text = b64decode(line, validate=True).decode()
        except (binascii.Error, ValueError):
            return False
        if self._plain:
            parts = text.split("\0")
            if len(parts) != 3:
                return False
            _, self.login, self.password = parts
            self.complete = True
        elif self._has_login:
            self.password, self.complete = text, True
        else:
            self.login, self._has_login = text, True
        return True
