"""Requests and replies of certificates."""

import msgspec
from msgspec import UNSET, UnsetType

from postwright.kernel.http import dates
from postwright.kernel.http.paging import Limit, Links

from .records import Certificate

_ERRORS = {
    "processing": "Waiting for x509 key pair generation",
    "expired": "x509 certificate has expired",
    "error": "TLS x509 key pair generation failed, please contact support",
}


class Initiated(msgspec.Struct):
    """The certificate will be obtained; `location` tells what became of it."""

    message: str
    location: str


class Status(msgspec.Struct):
    """How far a certificate is. `status`: processing · active · expired · error."""

    status: str
    error: str | None
    certificate: str | UnsetType = UNSET  # PEM


class CertificatesQuery(Limit, kw_only=True):
    """What to list."""

    most = 300
    clamps = True

    page: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A page: hosts after `a`, or the last ones before `b` ("": of all)."""

    a: str | None = None
    b: str | None = None
    limit: int = 100


class Shown(msgspec.Struct):
    """A host's certificate. Times are RFC 3339; "" for none. `domain_id` "": a name of the installation itself."""

    host: str
    domain_id: str
    state: str  # processing · active · expired · error
    issuer: str
    not_before: str
    not_after: str
    next_attempt: str  # when the next certificate is obtained
    attempts: int  # in vain since the last success
    last_error: str


class CertificatesPage(msgspec.Struct):
    """Certificates by host name."""

    items: list[Shown]
    paging: Links


def status(held: Certificate, now: int) -> Status:
    """As clients know it."""
    said = held.status(now)
    with_chain = bool(held.chain) and said != "processing"
    return Status(said, _ERRORS.get(said), held.chain if with_chain else UNSET)


def shown(held: Certificate, now: int) -> Shown:
    """As our own list has it."""
    return Shown(
        host=held.host,
        domain_id=held.domain_id,
        state=held.status(now),
        issuer=held.issuer,
        not_before=dates.rfc3339(held.not_before) if held.chain else "",
        not_after=dates.rfc3339(held.not_after) if held.chain else "",
        next_attempt=dates.rfc3339(held.due_at) if held.due_at is not None else "",
        attempts=held.attempts,
        last_error=held.last_error,
    )
