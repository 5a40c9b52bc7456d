"""DANE for SMTP (RFC 7672, RFC 6698): certificates that a domain pins in signed DNS."""

import _ssl
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from dns.rdata import GenericRdata

TRUST_ANCHOR, END_ENTITY = 2, 3  # PKIX-TA(0) and PKIX-EE(1) are of no use to SMTP (RFC 7672 §3.1.3)
CERTIFICATE, PUBLIC_KEY = 0, 1
MAX_CHAIN = 10
MAX_RECORDS = 20


class Pin(msgspec.Struct, frozen=True):
    """A TLSA record."""

    usage: int
    selector: int
    matching: int  # 0: all of it, 1: SHA-256, 2: SHA-512
    data: bytes

    @property
    def usable(self) -> bool:
        """Whether it says something that we can compare."""
        size = {1: 32, 2: 64}.get(self.matching, len(self.data) or -1)
        return (
            self.usage in (TRUST_ANCHOR, END_ENTITY)
            and self.selector in (CERTIFICATE, PUBLIC_KEY)
            and self.matching in (0, 1, 2)
            and len(self.data) == size
        )

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether it pins `certificate`."""
        chosen = (
            certificate.public_bytes(Encoding.DER)
            if self.selector == CERTIFICATE
            else certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        digest = {1: hashlib.sha256, 2: hashlib.sha512}.get(self.matching)
        return self.data == (digest(chosen).digest() if digest else chosen)

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


def pins(records: Sequence[Any]) -> tuple[Pin, ...]:
    """The pins of TLSA records; what is no proper record is a pin of no use."""
    return tuple(map(_pin, records[:MAX_RECORDS]))


def _pin(record: Any) -> Pin:
    if isinstance(record, GenericRdata):
        usage, selector, matching = record.data[:3].ljust(3, b"\0")
        return Pin(usage, selector, matching, record.data[3:])
    return Pin(record.usage, record.selector, record.mtype, record.cert)


def shown(tls: Any) -> list[bytes]:
    """The certificates that the peer of an `ssl.SSLObject` showed, unverified, its own first, in DER."""
    if hasattr(tls, "get_unverified_chain"):  # public since Python 3.13
        return list(tls.get_unverified_chain() or ())
    found = tls._sslobj.get_unverified_chain() or ()
    return [certificate.public_bytes(_ssl.ENCODING_DER) for certificate in found]


def authentic(usable: Sequence[Pin], chain: Sequence[bytes], names: Sequence[str], now: datetime) -> bool:
    """Whether one of the pins holds for a chain of certificates, the server's own first.

    DANE-EE pins the server's own: its names and dates mean nothing (RFC 7672 §3.1.1). DANE-TA pins one that the
    chain leads to, which the server has to show unless the record holds it; then dates are checked, and one of
    `names` must be the server's (§3.1.2, §3.2.2).
    """
    try:
        leaf, *rest = [x509.load_der_x509_certificate(each) for each in chain[:MAX_CHAIN]]
        if any(pin.usage == END_ENTITY and pin.matches(leaf) for pin in usable):
            return True
        for pin in usable:
            if pin.usage != TRUST_ANCHOR:
                continue
            anchors = [each for each in rest if pin.matches(each)]
            if not anchors and pin.selector == CERTIFICATE and pin.matching == 0:
                anchors = [x509.load_der_x509_certificate(pin.data)]
            if any(_leads(leaf, rest, anchor, name, now) for anchor in anchors for name in names):
                return True
    except ValueError:
        return False  # no certificates, or a key or an anchor that cannot be read
    return False


def _leads(
    leaf: x509.Certificate, rest: list[x509.Certificate], anchor: x509.Certificate, name: str, now: datetime
) -> bool:
    # The rules of the public web (key usages, name constraints of browsers) are not those of a CA of one's own.
    authority = ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, Criticality.AGNOSTIC, None
    )
    server = ExtensionPolicy.permit_all().require_present(
        x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
    )
    verifier = (
        PolicyBuilder()
        .store(Store([anchor]))
        .time(now)
        .extension_policies(ca_policy=authority, ee_policy=server)
        .build_server_verifier(x509.DNSName(name))
    )
    try:
        verifier.verify(leaf, [each for each in rest if each != anchor])
    except (VerificationError, ValueError):
        return False
    return True
