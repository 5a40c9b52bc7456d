"""The certificates of listeners.

By default the operator's own (`tls_cert`), else the one that an authority gave for our name, else one of our own
making, so that STARTTLS always works; for who names a host that has a certificate in the store, that one.
"""

import asyncio
import logging
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from postwright.certificates import Keyring, server_context
from postwright.kernel.settings import Settings

from .errors import StartFailed

log = logging.getLogger("postwright.tls")

_DAYS = 3650
WATCH_SECONDS = 30.0


class Certificate:
    """A server context whose certificate is read again when its files change; connections that exist keep theirs.

    Raises StartFailed when the operator's files cannot be used.
    """

    def __init__(self, settings: Settings, hostname: str, keyring: Keyring | None = None) -> None:
        self._files: tuple[Path, ...] = ()
        if not settings.tls_cert:
            self.context = self_signed_context(settings.data_dir, hostname)
            if keyring is not None:
                keyring.attach(self.context, hostname.lower())
            return
        self._files = tuple(Path(name) for name in (settings.tls_cert, settings.tls_key) if name)
        self.context = server_context()
        if keyring is not None:
            keyring.attach(self.context)
        try:
            self._state = self._look()
            _load(self.context, self._files)
        except OSError as wrong:  # ssl.SSLError is an OSError
            raise StartFailed(f"POSTWRIGHT_TLS_CERT: {settings.tls_cert} cannot be used: {wrong}") from wrong

    async def watch(self, seconds: float = WATCH_SECONDS) -> None:
        """Look at the files now and then, for ever."""
        while self._files:
            await asyncio.sleep(seconds)
            self.refresh()

    def refresh(self) -> bool:
        """Read the files again if they changed; whether a new certificate is in use."""
        try:
            state = self._look()
            if state == self._state:
                return False
            # Tried on a context of its own first: half of a new pair must not spoil the one in use.
            _load(server_context(), self._files)
            _load(self.context, self._files)
        except OSError as wrong:
            log.error("the new certificate cannot be used; the old one stays", extra={"reason": str(wrong)})
            return False
        self._state = state
        log.info("new certificate in use", extra={"file": str(self._files[0])})
        return True

    def _look(self) -> list[tuple[int, int, int]]:
        stats = [path.stat() for path in self._files]
        return [(stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats]


def self_signed_context(data: Path, hostname: str) -> ssl.SSLContext:
    """A server context with the self-signed certificate in `data`, which is made when it is not there."""
    path = data / "smtp.pem"
    if not path.exists():
        temporary = path.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_bytes(_make(hostname))
        temporary.rename(path)
    context = server_context()
    context.load_cert_chain(path)
    return context


def own_names(settings: Settings, hostname: str) -> tuple[str, ...]:
    """The names of the installation itself that an authority is asked for: none when the operator has files.

    That of mail servers and of links; only names that exist on the Internet, and not the machine's by chance.
    """
    if settings.tls_cert or not settings.acme_directory:
        return ()
    names = [hostname if settings.hostname else ""]
    for address in (settings.public_url, settings.tracking_url):
        parts = urlsplit(address)
        names.append((parts.hostname or "") if parts.scheme == "https" else "")
    return tuple(dict.fromkeys(name.lower() for name in names if "." in name and not _is_address(name)))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _load(context: ssl.SSLContext, files: tuple[Path, ...]) -> None:
    context.load_cert_chain(files[0], files[1] if len(files) > 1 else None)


def _make(hostname: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
