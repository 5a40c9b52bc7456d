"""DKIM signatures over messages (RFC 6376, RFC 8463), relaxed/relaxed.

Neither `l=` (it lets anyone append) nor `x=` (a late retry would fail) is ever written. The time comes
from the caller, so that signing a message again gives the same bytes.
"""

import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from . import headers as fields

MIN_BITS = 1024  # smaller keys must not be used (RFC 8301 §3.2)
MAX_BITS = 4096  # larger ones fit no DNS answer and cost much (§3.2 has verifiers support up to 4096)

# Signed once more than they occur, so that none can be added unseen (RFC 6376 §8.15).
SIGNED = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "reply-to",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "sender",
)
# The service's own marks come and go on the way out, after signing decisions (behaviour.md 4.1).
_NEVER = "x-mailgun-"

_is_domain = re.compile(r"(?!.{254})[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*").fullmatch
_SPACE = re.compile(rb"[ \t\r\n]+")
_WIDTH = 72  # columns of a line of our field

Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class DkimError(ValueError):
    """The key, names or message cannot be used for signing; the message says why."""


def canonical_body(body: bytes) -> bytes:
    """The body in relaxed form (RFC 6376 §3.4.4). Line ends have to be CRLF already."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    # Looks in bytes objects cost a tenth of one regular expression over the same text, and most bodies pass.
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:  # halves each run
        body = body.replace(b"  ", b" ")
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    if not body.endswith(b"\r\n\r\n"):
        return b"" if body == b"\r\n" else body
    bare = body.rstrip(b"\r\n")
    if len(body) - len(bare) != 2 * body.count(b"\r\n", len(bare)):
        # A lone CR or LF is among the line ends, and it is text: only whole pairs at the end go.
        end = len(body)
        while body.endswith(b"\r\n", 0, end):
            end -= 2
        bare = body[:end]
    return bare + b"\r\n" if bare else b""


def body_hash(body: bytes) -> bytes:
    """The `bh=` value of a body, Base64; the same for every copy that differs only in headers."""
    return binascii.b2a_base64(hashlib.sha256(canonical_body(body)).digest(), newline=False)


class Signer:
    """Signs for one domain with one key. Raises `DkimError` for names or keys that cannot be used."""

    def __init__(self, domain: str, selector: str, private_key_pem: bytes | str) -> None:
        if not _is_domain(domain):
            raise DkimError("the signing domain is not a domain name in ASCII")
        if not _is_domain(selector):
            raise DkimError("the selector is not a name in ASCII")
        self.domain = domain.lower()
        self.selector = selector
        self._sign, algorithm = signing(load_key(private_key_pem))
        self._start = f"v=1; a={algorithm}; c=relaxed/relaxed;{{0}}d={self.domain}; s={selector};"

    def sign(
        self,
        message: bytes,
        timestamp: int,
        headers: Iterable[str] = SIGNED,
        digest: bytes | None = None,
    ) -> bytes:
        """The complete `DKIM-Signature` field of `message`, folded, with its CRLF.

        `message` has CRLF line ends; `timestamp` is in seconds since the epoch; `headers` are oversigned;
        `digest` is `body_hash` of the body when the caller has it already. Raises `DkimError` when there
        is no From field.
        """
        start = message.find(b"\r\n\r\n") + 4
        if start < 4:
            start = len(message)
        if digest is None:
            digest = body_hash(message[start:])
        wanted = headers if headers is SIGNED else _wanted(headers)
        found: dict[str, list[bytes]] = {name: [] for name in wanted}
        for name, value in fields.parse(message[:start]):
            lower = name.lower()
            if lower in found:
                found[lower].append(value)
        if not found.get("from"):
            raise DkimError("a message without a From field cannot be signed")
        signed: list[bytes] = []
        for lower, values in found.items():
            # The last of several comes first (§5.4.2); the one not there adds nothing to the hash (§5.4).
            for value in reversed(values):
                signed.append(b"%b:%b\r\n" % (lower.encode(), relaxed(value)))
        names_flat, names_folded = _names(tuple((name, len(values)) for name, values in found.items()))
        bh = digest.decode()
        flat = f"{self._start.format(' ')} t={timestamp}; h={names_flat}; bh={bh}; b="
        signed.append(b"dkim-signature:" + flat.encode())
        signature = binascii.b2a_base64(self._sign(b"".join(signed)), newline=False).decode()
        folded = "\r\n\t".join([signature[i : i + _WIDTH] for i in range(0, len(signature), _WIDTH)])
        return (
            f"DKIM-Signature: {self._start.format(chr(13) + chr(10) + chr(9))}\r\n\tt={timestamp};"
            f" h={names_folded};\r\n\tbh={bh};\r\n\tb={folded}\r\n"
        ).encode()


def relaxed(value: bytes) -> bytes:
    """A field body in relaxed form (§3.4.2)."""
    if b"\x0b" in value or b"\x0c" in value:  # `split` takes these for space, DKIM does not
        return _SPACE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return b" ".join(value.split())


@lru_cache(maxsize=64)
def _names(counts: tuple[tuple[str, int], ...]) -> tuple[str, str]:
    """The `h=` value, each name once more than it occurs: as it is hashed, and as it is written."""
    names = [name for name, count in counts for _ in range(count + 1)]
    lines: list[str] = []
    line = ""
    for i, name in enumerate(names):
        piece = name if i == len(names) - 1 else f"{name}:"
        # The first line also carries the time.
        if line and len(line) + len(piece) > (_WIDTH if lines else _WIDTH - 18):
            lines.append(line)
            line = ""
        line += piece
    lines.append(line)
    # The relaxed form turns each fold into one space.
    return " ".join(lines), "\r\n\t".join(lines)


def _wanted(headers: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys(name.lower() for name in headers)
    for name in names:
        try:
            fields.check_name(name)
        except fields.HeaderError as wrong:
            raise DkimError(str(wrong)) from wrong
        if ";" in name:  # would end the list (§3.2)
            raise DkimError("a signed header name must not contain a semicolon")
    return tuple(name for name in names if not name.startswith(_NEVER))


def load_key(pem: bytes | str) -> Key:
    """A private key. Raises `DkimError` for any but RSA from 1024 to 4096 bits and Ed25519."""
    try:
        key = load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        raise DkimError("the private key cannot be read as an unencrypted PEM key") from wrong
    if isinstance(key, rsa.RSAPrivateKey):
        if not MIN_BITS <= key.key_size <= MAX_BITS:
            raise DkimError(f"an RSA key has {MIN_BITS} to {MAX_BITS} bits, not {key.key_size}")
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise DkimError("a DKIM key is an RSA or Ed25519 key")


def signing(key: Key) -> tuple[Callable[[bytes], bytes], str]:
    """What signs octets with a key, and the name of the algorithm."""
    if isinstance(key, rsa.RSAPrivateKey):
        padding, digest = PKCS1v15(), SHA256()
        return lambda data: key.sign(data, padding, digest), "rsa-sha256"
    # Ed25519 signs the SHA-256 digest, not the data (RFC 8463 §3).
    return lambda data: key.sign(hashlib.sha256(data).digest()), "ed25519-sha256"


def generate_key(bits: int = 2048) -> tuple[str, str]:
    """A new RSA key: private PEM (PKCS #1) and the text of its DNS record. Raises `DkimError`."""
    if not MIN_BITS <= bits <= MAX_BITS:
        raise DkimError(f"an RSA key has {MIN_BITS} to {MAX_BITS} bits")
    key = rsa.generate_private_key(65537, bits)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    return pem, _record(key)


def public_txt(private_pem: bytes | str) -> str:
    """The text of the DNS record for a private key: `k=rsa; p=...` (§3.6.1). Raises `DkimError`."""
    return _record(load_key(private_pem))


def _record(key: Key) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        kind, public = (
            "rsa",
            key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        )
    else:
        kind, public = "ed25519", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"k={kind}; p={binascii.b2a_base64(public, newline=False).decode()}"
