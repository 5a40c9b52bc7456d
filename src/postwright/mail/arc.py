"""ARC seals: what we found out about a message that we pass on, signed (RFC 8617).

A receiver that trusts us can use it where our passing on broke the sender's own proof. A set consists of three
fields: ARC-Authentication-Results (what we found), ARC-Message-Signature (the message as we pass it on) and ARC-Seal
(over all sets so far).
"""

import binascii
import re
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import rsa

from . import headers as fields
from .dkim import SIGNED, DkimError, body_hash, load_key, relaxed, signing

MAX_SETS = 50  # RFC 8617 §4.2.1
_NAMES = ("arc-authentication-results", "arc-message-signature", "arc-seal")
_INSTANCE = re.compile(rb"(?:^|;)\s*i\s*=\s*(\d{1,2})\s*(?:;|$)")
# Signed when present; not more often, as those behind us may add to what they pass on. Received and
# Authentication-Results change on the way (§4.1.2).
_SIGNED = (*SIGNED, "dkim-signature", "in-reply-to", "references", "list-id")
_WIDTH = 72

Sets = dict[int, dict[str, bytes]]


class BrokenChain(ValueError):
    """The message has sets that are no chain; nothing may be added."""


def sets(message: bytes) -> Sets:
    """The ARC sets of a message by number, complete and from 1 on. Raises BrokenChain for anything else."""
    found: Sets = {}
    for name, value in fields.parse(message):
        lower = name.lower()
        if lower not in _NAMES:
            continue
        hit = _INSTANCE.search(value)
        number = int(hit[1]) if hit else 0
        if not 1 <= number <= MAX_SETS or lower in found.setdefault(number, {}):
            raise BrokenChain("an ARC field without a number of its own")
        found[number][lower] = value
    if any(number not in found or len(found[number]) != 3 for number in range(1, len(found) + 1)):
        raise BrokenChain("an incomplete ARC set")
    return found


class Sealer:
    """Seals with one domain's RSA key. Raises DkimError for keys that cannot be used."""

    def __init__(self, domain: str, selector: str, private_key_pem: bytes | str) -> None:
        key = load_key(private_key_pem)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise DkimError("ARC knows RSA only (RFC 8617 §4.1.2)")
        self._sign, _ = signing(key)
        self._who = f"d={domain.lower()}; s={selector}"

    def seal(self, message: bytes, host: str, results: Sequence[str], timestamp: int) -> bytes:
        """The three fields to put before `message`, whose chain so far was found to be good.

        `host` names us, `results` are what we found (`spf=pass smtp.mailfrom=…`), `timestamp` in epoch seconds.
        Raises BrokenChain.
        """
        before = sets(message)
        number = len(before) + 1
        if number > MAX_SETS:
            raise BrokenChain("too many ARC sets")
        shown = "".join(f";\r\n\t{result}" for result in results) or "; none"
        authentication = f" i={number}; {host}{shown}".encode()
        signature = self._message_signature(message, number, timestamp)
        seal = self._seal(before, number, authentication, signature, timestamp)
        return b"".join(
            b"%b:%b\r\n" % (name, value)
            for name, value in (
                (b"ARC-Seal", seal),
                (b"ARC-Message-Signature", signature),
                (b"ARC-Authentication-Results", authentication),
            )
        )

    def _message_signature(self, message: bytes, number: int, timestamp: int) -> bytes:
        start = fields.split(message)
        digest = body_hash(message[start:]).decode()
        present: dict[str, list[bytes]] = {name: [] for name in _SIGNED}
        for name, value in fields.parse(message):
            if name.lower() in present:
                present[name.lower()].append(value)
        lines: list[bytes] = []
        names: list[str] = []
        for name, values in present.items():
            for value in reversed(values):  # the last of several comes first (RFC 6376 §5.4.2)
                lines.append(b"%b:%b\r\n" % (name.encode(), relaxed(value)))
                names.append(name)
        listed = ":\r\n\t ".join(":".join(names[i : i + 4]) for i in range(0, len(names), 4))
        text = (
            f" i={number}; a=rsa-sha256; c=relaxed/relaxed;\r\n\t{self._who}; t={timestamp};"
            f"\r\n\th={listed};\r\n\tbh={digest};\r\n\tb="
        ).encode()
        lines.append(b"arc-message-signature:" + relaxed(text))
        return text + self._signed(lines)

    def _seal(
        self, before: Sets, number: int, authentication: bytes, signature: bytes, timestamp: int
    ) -> bytes:
        cv = "none" if number == 1 else "pass"
        text = f" i={number}; a=rsa-sha256; t={timestamp}; cv={cv};\r\n\t{self._who};\r\n\tb=".encode()
        chain = [
            *(before[i] for i in range(1, number)),
            dict(zip(_NAMES, (authentication, signature), strict=False)),
        ]
        lines = [
            b"%b:%b\r\n" % (name.encode(), relaxed(one[name]))
            for one in chain
            for name in _NAMES
            if name in one
        ]
        lines.append(b"arc-seal:" + relaxed(text))
        return text + self._signed(lines)

    def _signed(self, lines: Sequence[bytes]) -> bytes:
        text = binascii.b2a_base64(self._sign(b"".join(lines)), newline=False)
        return b"\r\n\t".join(text[i : i + _WIDTH] for i in range(0, len(text), _WIDTH))
