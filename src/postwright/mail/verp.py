"""Envelope senders that say whose bounce comes back (VERP), signed against forgery.

    bounce+<6 hex>.<token>-<recipient local>=<recipient domain>@<host>
    bounce+<6 hex>.<token>@<host>                                       when that is too long

The hex digits are a MAC of all the rest. A short address does not carry the recipient, so a token should name
one delivery; 24 bits of MAC stop blind forging only together with a token that cannot be guessed.
"""

import hmac
import re

import msgspec

_MAX_LOCAL = 64  # octets (RFC 5321 §4.5.3.1.1)
_is_token = re.compile(r"[a-z0-9]{1,40}").fullmatch
# Only what stays whole in any mail system may be copied from the recipient.
_is_recipient = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[a-z0-9._-]+").fullmatch
_ADDRESS = re.compile(
    r"bounce\+(?P<mac>[0-9a-f]{6})\.(?P<token>[a-z0-9]{1,40})(?:-(?P<local>.+)=(?P<domain>[^=]+))?@(?P<host>[^@]+)",
    re.IGNORECASE,
)


class Bounced(msgspec.Struct, frozen=True):
    """What a genuine envelope sender of ours says."""

    token: str
    recipient: str | None  # None in a short address; the case of letters may be lost on the way


def build(key: bytes, token: str, recipient: str, host: str) -> str:
    """The envelope sender for one delivery to `recipient` (a bare address). `token`: 1 to 40 of a-z, 0-9.

    Raises `ValueError` for other tokens.
    """
    if not _is_token(token):
        raise ValueError("a token consists of 1 to 40 lower case letters and digits")
    if _is_recipient(recipient):
        local, _, domain = recipient.rpartition("@")
        rest = f"{token}-{local}={domain}"
        # 14: `bounce+`, the MAC and its dot. RFC 5321 §4.5.3.1.1 counts octets, and all here is ASCII.
        if len(rest) + 14 <= _MAX_LOCAL and not local.startswith(".") and ".." not in rest:
            return f"bounce+{_mac(key, rest, host)}.{rest}@{host}"
    return f"bounce+{_mac(key, token, host)}.{token}@{host}"


def read(key: bytes, address: str) -> Bounced | None:
    """What `address` says, or None when it is not one of ours with a true MAC."""
    if len(address) > 320:
        return None
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return None
    token, local, domain = found["token"], found["local"], found["domain"]
    rest = token if local is None else f"{token}-{local}={domain}"
    if not hmac.compare_digest(_mac(key, rest, found["host"]).encode(), found["mac"].lower().encode()):
        return None
    return Bounced(token.lower(), None if local is None else f"{local}@{domain}")


def _mac(key: bytes, rest: str, host: str) -> str:
    # Letters may change case on the way back.
    return hmac.digest(key, f"{rest}@{host}".lower().encode(), "sha256")[:3].hex()
