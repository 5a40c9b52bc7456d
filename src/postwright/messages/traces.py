"""The marks on a sent copy that bring a report about it back to its delivery.

A *token* names one delivery: the number of the message and a MAC over number and recipient. It stands in the
envelope sender (bounces come back to it) and, with the recipient, in `X-Mailgun-Sid` (complaint reports quote it even
where they hide the recipient). Nothing is stored for it: the number leads to the message or, when that is expired, its
time to the events of the recipient.
"""

import base64
import binascii
import hmac
import string
from functools import lru_cache

import msgspec

from postwright.kernel.secrets import Vault
from postwright.mail import verp

_DIGITS = string.digits + string.ascii_lowercase
_NUMBER = 13  # base 36 digits of a 63-bit number
_TAG = 5  # digits of the MAC: 25 bits, beside the 24 of the address or the 20 of the Sid
_SHIFTS = tuple(5 * place for place in range(_TAG))
_KEPT = 256
_MAX_SID = 2000  # characters
_MILLIS = 22  # bits below the milliseconds in a row key (kernel/ids.py)


class Trace(msgspec.Struct, frozen=True):
    """A genuine mark: the message's number and, unless the mark was too short for it, the recipient."""

    number: int
    tag: str
    recipient: str  # lower case; "" when it has to be found by `tag`
    host: str  # of the envelope sender; "" in a Sid

    @property
    def made_at(self) -> int:
        """When the message was accepted, in microseconds."""
        return (self.number >> _MILLIS) * 1000


class Traces:
    """Makes and reads the marks."""

    def __init__(self, vault: Vault) -> None:
        self._key = vault.derive("bounce addresses")
        self._tag_key = vault.derive("delivery traces")
        # The envelope sender and the Sid of one attempt need the same.
        self._digits = lru_cache(_KEPT)(self._make_digits)

    def tag(self, number: int, recipient: str) -> str:
        """The digits that bind a recipient to a message."""
        return self._digits(number, recipient)[0]

    def envelope_sender(self, number: int, recipient: str, host: str) -> str:
        """The bounce address of one delivery; its local part has at most 64 octets."""
        return verp.build(self._key, _base36(number) + self.tag(number, recipient), recipient, host)

    def sid(self, number: int, recipient: str) -> str:
        """The value of X-Mailgun-Sid: Base64 of a JSON array of five hex digits, the recipient and the token."""
        tag, more = self._digits(number, recipient)
        return base64.b64encode(msgspec.json.encode([more, recipient, _base36(number) + tag])).decode()

    def read_sender(self, address: str) -> Trace | None:
        """What a bounce address says, or None when it is not one that we made."""
        found = verp.read(self._key, address)
        if found is None or len(found.token) != _NUMBER + _TAG:
            return None
        number, tag = int(found.token[:_NUMBER], 36), found.token[_NUMBER:]
        recipient = (found.recipient or "").lower()
        if recipient and not hmac.compare_digest(self.tag(number, recipient).encode(), tag.encode()):
            return None
        return Trace(number, tag, recipient, address.rpartition("@")[2].lower())

    def read_sid(self, text: str) -> Trace | None:
        """What a Sid says, or None when it is not one that we made."""
        if len(text) > _MAX_SID:
            return None
        try:
            raw = base64.b64decode("".join(text.split()), validate=True)
            more, recipient, token = msgspec.json.decode(raw, type=tuple[str, str, str])
            number = int(token[:_NUMBER], 36)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            return None
        if not 0 <= number < 1 << 63:
            return None
        tag, true = self._digits(number, recipient)
        if not hmac.compare_digest(f"{_base36(number)}{tag}{true}".encode(), f"{token}{more}".encode()):
            return None
        return Trace(number, tag, recipient.lower(), "")

    def _make_digits(self, number: int, recipient: str) -> tuple[str, str]:
        # Letters may change case on the way back.
        raw = hmac.digest(self._tag_key, b"%d %b" % (number, recipient.lower().encode()), "sha256")
        bits = int.from_bytes(raw[:6], "big")
        tag = "".join([_DIGITS[bits >> shift & 31] for shift in _SHIFTS])
        return tag, f"{bits >> 25 & 0xFFFFF:05x}"


@lru_cache(_KEPT)
def _base36(number: int) -> str:
    digits = []
    for _ in range(_NUMBER):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
