"""TLS contexts of servers."""

import os
import ssl

ALPN = ["http/1.1"]


def server_context() -> ssl.SSLContext:
    """A context for a server, without a certificate yet. TLS 1.2 or later (RFC 9325 §3.1.1)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def load_pem(context: ssl.SSLContext, chain: str, key: bytes) -> None:
    """Give a context a certificate held in memory. Raises OSError (ssl.SSLError) for one that cannot be used.

    The ssl module reads files only: this one exists in memory alone, so that the key never lies on a disk.
    """
    fd = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(fd), "wb") as out:
            out.write(key + b"\n" + chain.encode())
        context.load_cert_chain(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)
