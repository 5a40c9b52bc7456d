"""Storage keys: an unguessable name for a message, made from its number, so that no index of names is needed."""

import base64
import binascii

from postwright.kernel.secrets import Vault, same

_MAC = 12  # bytes: 2^96 guesses


def make(vault: Vault, number: int) -> str:
    """The storage key of message `number`."""
    raw = number.to_bytes(8, "big")
    return base64.urlsafe_b64encode(raw + vault.mac(b"storage" + raw, _MAC)).decode().rstrip("=")


def read(vault: Vault, key: str) -> int | None:
    """The number in a storage key, or None when we never made that key."""
    try:
        raw = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
    except (ValueError, binascii.Error):
        return None
    number = int.from_bytes(raw[:8], "big")
    return number if len(raw) == 8 + _MAC and same(make(vault, number), key) else None
