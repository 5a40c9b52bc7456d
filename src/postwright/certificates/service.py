"""The rules of certificates."""

from typing import Any

import msgspec

from postwright import accounts, domains
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.http import dates
from postwright.kernel.secrets import Vault
from postwright.mail.addresses import AddressError, to_ascii

from . import store
from .errors import AlreadyThere, CertificateNotFound, InProgress
from .records import (
    GIVE_UP_SECONDS,
    MAX_ATTEMPTS,
    WAITS,
    Certificate,
    Issued,
    not_before_limit,
    recent,
    renew_at,
)

MAX_ERROR = 1000  # characters
INITIATE = "Please initiate x509 key pair generation at POST /v2/x509/{domain}"

forget_domain = store.forget_domain


def key_context(host: str) -> str:
    """What the key of a host is sealed for."""
    return f"certificate key of {host}"


def tracking_host(tx: Read, account_id: str, text: str) -> tuple[str, domains.Domain]:
    """The tracking host that a client means, with its domain. Raises CertificateNotFound.

    One official client writes a brace behind the name (behaviour.md 13.5).
    """
    try:
        host = to_ascii(text.strip().rstrip("}").rstrip("."))
    except AddressError as wrong:
        raise CertificateNotFound from wrong
    prefix, _, name = host.partition(".")
    domain = domains.find(tx, account_id, name) if name else None
    if domain is None or domain.web_prefix != prefix:
        raise CertificateNotFound
    return host, domain


def show(tx: Read, account_id: str, text: str) -> Certificate:
    """The certificate of a tracking host of the account. Raises CertificateNotFound."""
    try:
        host, domain = tracking_host(tx, account_id, text)
    except CertificateNotFound as unknown:
        raise CertificateNotFound(INITIATE) from unknown
    held = store.get(tx, host)
    if held is None or held.domain_id != domain.id:
        raise CertificateNotFound(INITIATE)
    return held


def initiate(tx: Write, now: int, account_id: str, text: str) -> None:
    """Order a first certificate. Raises CertificateNotFound, AlreadyThere."""
    host, domain = tracking_host(tx, account_id, text)
    values = {
        "host": host,
        "account_id": account_id,
        "domain_id": domain.id,
        "created_at": now,
        "due_at": now,
    }
    if store.add(tx, values):
        return
    held = store.get(tx, host)
    assert held is not None
    if held.domain_id != domain.id:  # of a domain of that name before: not even its key is of use
        store.change(tx, host, {**store.EMPTY, **values})
        return
    if held.state != "error":
        raise AlreadyThere(f"x509 key pair generation has already been initiated for {host}")
    _again(tx, now, held)


def regenerate(tx: Write, now: int, account_id: str, text: str) -> None:
    """Order another certificate for one that expired or could not be had.

    Raises CertificateNotFound, AlreadyThere, InProgress.
    """
    host, domain = tracking_host(tx, account_id, text)
    held = store.get(tx, host)
    if held is None or held.domain_id != domain.id:
        raise CertificateNotFound
    if held.state == "processing":
        raise InProgress(f"x509 key pair generation job is already in progress for {host}")
    if held.usable(now):
        until = f"{dates.plain(held.not_after).replace('T', ' ')} +0000 UTC"
        raise AlreadyThere(f"x509 certificate is still valid until {until}")
    _again(tx, now, held)


def _again(tx: Write, now: int, held: Certificate) -> None:
    due = not_before_limit(held.failures, now)
    store.change(tx, held.host, {"state": "processing", "attempts": 0, "due_at": due})


def ensure_own(tx: Write, now: int, host: str) -> None:
    """Order a certificate for a name of the installation itself, unless there is one."""
    values = {"host": host, "account_id": "", "domain_id": "", "created_at": now, "due_at": now}
    if store.add(tx, values):
        return
    held = store.get(tx, host)
    if held is not None and held.due_at is None:
        _again(tx, now, held)  # given up; a restart of the program tries again


def is_wanted(tx: Read, held: Certificate) -> bool:
    """Whether a host is still one that people reach us by."""
    if not held.domain_id:
        return True
    domain = domains.by_id(tx, held.domain_id)
    return domain is not None and f"{domain.web_prefix}.{domain.name}" == held.host


def succeed(tx: Write, now: int, vault: Vault, held: Certificate, issued: Issued) -> bool:
    """Put a new certificate in use. False: another process has the order."""
    values = {
        "state": "active",
        "chain": issued.chain,
        "key": vault.seal(issued.key, key_context(held.host)),
        "issuer": issued.issuer,
        "not_before": issued.not_before,
        "not_after": issued.not_after,
        "changed_at": max(now, held.changed_at + 1),
        "due_at": max(renew_at(issued.not_before, issued.not_after), now + WAITS[0] * SECOND),
        "attempts": 0,
        "failures": "[]",
        "last_error": "",
    }
    return store.settle(tx, held.host, held.lease_token, values)


def fail(
    tx: Write, now: int, held: Certificate, problem: str, *, wait: float = 0.0, counts: bool = True
) -> bool:
    """Record a failed attempt and when to try again: after `wait` seconds, if that is later than usual.

    `counts`: the authority looked and said no, which it does only so often in an hour.
    """
    attempts = held.attempts + 1
    failures = [*recent(held.failures, now), now] if counts else recent(held.failures, now)
    due = now + int(max(WAITS[min(attempts, len(WAITS)) - 1], wait) * SECOND)
    over = attempts >= MAX_ATTEMPTS if not held.chain else now > held.not_after + GIVE_UP_SECONDS * SECOND
    values: dict[str, Any] = {
        # What is in use stays in use.
        "state": "active" if held.usable(now) else "error",
        "due_at": None if over else max(due, not_before_limit(failures, now)),
        "attempts": attempts,
        "failures": msgspec.json.encode(failures).decode(),
        "last_error": problem.replace("\0", " ")[:MAX_ERROR],
    }
    return store.settle(tx, held.host, held.lease_token, values)


def page(
    tx: Read, account_id: str, *, after: str | None, before: str | None, limit: int
) -> list[Certificate]:
    """Certificates of an account by host; whoever runs the installation sees its own names too."""
    owners = [account_id]
    if accounts.any_account(tx) == account_id:
        owners.append("")
    return store.page(tx, owners, after=after, before=before, limit=limit)
