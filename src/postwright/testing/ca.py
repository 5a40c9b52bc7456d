"""Roots and certificates made for a test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Ca:
    """A root and an intermediate of our own."""

    def __init__(self, name: str) -> None:
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.root = _certify(f"{name} Root", self._root_key.public_key(), f"{name} Root", self._root_key)
        self._own = _certify(name, self._key.public_key(), f"{name} Root", self._root_key)
        self._name = name

    def issue(self, names: list[str], public: Any, days: float) -> str:
        """A chain without the root, PEM."""
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        leaf = _certify(names[0], public, self._name, self._key, alternatives, days)
        return pem(leaf) + pem(self._own)


def _certify(
    subject: str,
    public: Any,
    issuer: str,
    key: Any,
    names: list[x509.GeneralName] | None = None,
    days: float = 3650,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if names is None:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    """A certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def for_localhost(folder: Path) -> tuple[Path, Path, Path]:
    """For a server at `localhost`: root, chain and key as files in `folder`."""
    ca, key = Ca("Directory"), ec.generate_private_key(ec.SECP256R1())
    paths = folder / "directory-ca.pem", folder / "directory.pem", folder / "directory-key.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for path, text in zip(
        paths, (pem(ca.root), ca.issue(["localhost"], key.public_key(), 30), private.decode()), strict=True
    ):
        path.write_text(text)
    return paths
