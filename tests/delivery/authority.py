"""A certificate authority for tests: real certificates, made when they are needed."""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID


class Certificate:
    """A certificate with its key; `by` signed it, without: it signed itself."""

    def __init__(
        self, *names: str, by: "Certificate | None" = None, authority: bool = False, days: int = 30
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(by.one.subject if by else name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        )
        if not authority:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
            builder = builder.add_extension(alternatives, critical=False)
        self.one = builder.sign(by.key if by else self.key, hashes.SHA256())
        self.chain: list[x509.Certificate] = [self.one, *(by.chain if by else [])]

    def tlsa(self, usage: int, selector: int = 1, matching: int = 1) -> str:
        """A TLSA record that pins it."""
        data = self.one.public_bytes(Encoding.DER)
        if selector:
            data = self.one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = {1: hashlib.sha256, 2: hashlib.sha512}.get(matching)
        return f"{usage} {selector} {matching} {(digest(data).digest() if digest else data).hex()}"

    def pem(self, folder: Path) -> Path:
        """A file with it."""
        path = folder / f"{self.one.serial_number}.pem"
        path.write_bytes(self.one.public_bytes(Encoding.PEM))
        return path

    def context(self, folder: Path) -> ssl.SSLContext:
        """A server that shows it and those above it."""
        path = folder / f"{self.one.serial_number}.chain.pem"
        private = self.key.private_bytes(
            Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + b"".join(each.public_bytes(Encoding.PEM) for each in self.chain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context
