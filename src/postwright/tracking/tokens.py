"""What links carry: everything a hit needs to know, sealed.

    base64url( key id (1 octet) | AES-SIV( MessagePack of the token ) )

AES-SIV (RFC 5297) needs no nonce: equal tokens are equal bytes, as retries of a message require, and nothing can be
changed without the key. The kind of link and its host are associated data, so that a token is good only for what it
was made for and only on its own host. Nothing is stored for a link.
"""

import base64
import binascii
import hmac
import re

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from postwright.kernel.secrets import Vault

# The key that seals; those before it open what they sealed. A new number is a new key.
KEY_ID = 1
MAX_TOKEN = 8192  # characters; more cannot be ours, see rewriting.MAX_URL
_MAIL_MAC = 8  # octets: 64 bits, which nobody can try out through a mail server
_MAX_ID = 80  # octets of a Message-Id that a mail address may hold
# A Message-Id of our own making: the second of creation and 8 octets.
_OWN_ID = re.compile(r"(\d{14})\.([0-9a-f]{16})@(.+)").fullmatch


class Who(msgspec.Struct, frozen=True, array_like=True):
    """Whose copy of which message a link is in. `message` is what `pack_id` makes of the Message-Id."""

    domain_id: bytes
    message: bytes
    recipient: str


class Click(Who, frozen=True, array_like=True):
    """A link and where it leads."""

    url: str


class Unsubscribe(Who, frozen=True, array_like=True):
    """A link to unsubscribe: from these tags (`*`: from everything), or from a mailing list."""

    tags: list[str]
    mailing_list: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode_click = msgspec.msgpack.Decoder(Click).decode
_decode_open = msgspec.msgpack.Decoder(Who).decode
_decode_unsubscribe = msgspec.msgpack.Decoder(Unsubscribe).decode


def domain_octets(domain_id: str) -> bytes:
    """The id of a domain, half as long."""
    return bytes.fromhex(domain_id)


class Tokens:
    """Makes and reads tokens."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._ciphers: dict[int, AESSIV] = {}
        self._mac = vault.derive("unsubscribe addresses")

    def _cipher(self, key_id: int) -> AESSIV:
        if key_id not in self._ciphers:
            self._ciphers[key_id] = AESSIV(self._vault.derive(f"tracking links {key_id}"))
        return self._ciphers[key_id]

    def seal(self, kind: str, host: str, token: Who) -> str:
        """The text of a token of a kind (`c`, `o`, `u`) for links on `host` (without port, lower case)."""
        sealed = self._cipher(KEY_ID).encrypt(_encode(token), _bound(kind, host))
        return base64.urlsafe_b64encode(bytes((KEY_ID,)) + sealed).rstrip(b"=").decode()

    def click(self, host: str, text: str) -> Click | None:
        """The click that a token stands for, or None when it is not ours, or not for this host."""
        data = self._open("c", host, text)
        return None if data is None else _decode_click(data)

    def open(self, host: str, text: str) -> Who | None:
        """The same for a pixel."""
        data = self._open("o", host, text)
        return None if data is None else _decode_open(data)

    def unsubscribe(self, host: str, text: str) -> Unsubscribe | None:
        """The same for an unsubscribe link."""
        data = self._open("u", host, text)
        return None if data is None else _decode_unsubscribe(data)

    def _open(self, kind: str, host: str, text: str) -> bytes | None:
        if not 24 <= len(text) <= MAX_TOKEN:
            return None
        try:
            raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
            # The last letter has bits that decoding ignores: a changed token is not ours, even in those.
            if not 1 <= raw[0] <= KEY_ID or base64.urlsafe_b64encode(raw).rstrip(b"=") != text.encode():
                return None
            return self._cipher(raw[0]).decrypt(raw[1:], _bound(kind, host))
        except (binascii.Error, UnicodeEncodeError, ValueError, InvalidTag):
            return None

    def mail_address(self, domain: str, message_id: str, recipient: str) -> str:
        """The address that unsubscribes whoever it was made for: `u+<token>@domain`.

        In Base32, because letters of a local part may change case on the way; short, because one has 64 octets
        (RFC 5321 §4.5.3.1.1): what a recipient of up to 18 octets needs fits, longer ones make it longer.
        """
        data = pack_id(message_id, domain)
        if len(data) > _MAX_ID:
            data = b""
        data = bytes((len(data),)) + data + recipient.encode()
        text = base64.b32encode(self._mail_mac(domain, data) + data).rstrip(b"=").decode().lower()
        return f"u+{text}@{domain}"

    def mail(self, address: str) -> tuple[bytes, str] | None:
        """Packed Message-Id (empty when it was too long to tell) and recipient of such an address, or None."""
        local, _, domain = address.rpartition("@")
        domain = domain.lower()
        if local[:2].lower() != "u+" or len(local) > 1024:
            return None
        text = local[2:].upper()
        try:
            raw = base64.b32decode(text + "=" * (-len(text) % 8))
        except (binascii.Error, ValueError):
            return None
        mac, data = raw[:_MAIL_MAC], raw[_MAIL_MAC:]
        if not data or not hmac.compare_digest(mac, self._mail_mac(domain, data)):
            return None
        name, recipient = data[1 : 1 + data[0]], data[1 + data[0] :]
        return name, recipient.decode("utf-8", "replace")

    def _mail_mac(self, domain: str, data: bytes) -> bytes:
        return hmac.digest(self._mac, domain.encode() + b"\0" + data, "sha256")[:_MAIL_MAC]


def _bound(kind: str, host: str) -> list[bytes]:
    return [kind.encode(), host.encode("utf-8", "surrogatepass")]


def pack_id(message_id: str, domain: str) -> bytes:
    """A Message-Id as short as it goes: one of our own making is 14 octets, any other a NUL and its text."""
    own = _OWN_ID(message_id)
    if own is None or own[3] != domain:
        return b"\0" + message_id.encode("utf-8", "replace")
    # 14 digits fit 47 bits, and never begin with a NUL: years have four digits.
    return int(own[1]).to_bytes(6, "big") + bytes.fromhex(own[2])


def unpack_id(packed: bytes, domain: str) -> str:
    """The Message-Id that `pack_id` made short, in a message of `domain`."""
    if packed[:1] == b"\0" or len(packed) != 14:
        return packed[1:].decode("utf-8", "replace")
    return f"{int.from_bytes(packed[:6], 'big'):014d}.{packed[6:].hex()}@{domain}"
