"""SQL of certificates."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from postwright.domains import web_schemes
from postwright.kernel.db import Prepared, Read, Write

from .records import Certificate
from .tables import acme_accounts, acme_challenges, certificates

_COLUMNS = [column.name for column in certificates.columns]
_ANSWER = Prepared(
    select(acme_challenges.c.answer).where(acme_challenges.c.token == bindparam("wanted")), ("wanted",)
)
_FAILURES = msgspec.json.Decoder(list[int])


def _certificate(row: Any) -> Certificate:
    values = {name: getattr(row, name) for name in _COLUMNS}
    values["failures"] = _FAILURES.decode(row.failures)
    return Certificate(**values)


def get(tx: Read, host: str) -> Certificate | None:
    """The certificate of a host."""
    row = tx.row(select(certificates).where(certificates.c.host == host))
    return None if row is None else _certificate(row)


def add(tx: Write, values: Mapping[str, Any]) -> bool:
    """Add a host; False when it is there."""
    return tx.upsert(certificates, {**EMPTY, **values}, ["host"]) == 1


EMPTY: dict[str, Any] = {
    "state": "processing",
    "chain": "",
    "key": b"",
    "issuer": "",
    "not_before": 0,
    "not_after": 0,
    "changed_at": 0,
    "attempts": 0,
    "failures": "[]",
    "lease_until": 0,
    "lease_token": "",
    "last_error": "",
}


def change(tx: Write, host: str, values: Mapping[str, Any]) -> None:
    """Change columns of a host's row."""
    tx.run(update(certificates).where(certificates.c.host == host).values(**values))


def any_due(tx: Read, now: int) -> bool:
    """Whether an order is due."""
    stmt = select(certificates.c.host).where(certificates.c.due_at <= now, certificates.c.lease_until <= now)
    return tx.scalar(stmt.limit(1)) is not None


def claim(tx: Write, now: int, until: int, token: str, limit: int) -> list[Certificate]:
    """Lease due orders."""
    stmt = (
        select(certificates)
        .where(certificates.c.due_at <= now, certificates.c.lease_until <= now)
        .order_by(certificates.c.due_at)
        .limit(limit)
    )
    taken = []
    for row in tx.rows(stmt):
        mine = update(certificates).where(
            certificates.c.host == row.host, certificates.c.lease_until == row.lease_until
        )
        if tx.run(mine.values(lease_until=until, lease_token=token)):
            taken.append(msgspec.structs.replace(_certificate(row), lease_until=until, lease_token=token))
    return taken


def settle(tx: Write, host: str, token: str, values: Mapping[str, Any]) -> bool:
    """Record what came of a leased order, and let go of it. False: the lease is no longer ours."""
    mine = update(certificates).where(certificates.c.host == host, certificates.c.lease_token == token)
    return tx.run(mine.values(lease_until=0, lease_token="", **values)) == 1


def release_all(tx: Write) -> None:
    """Let go of what processes that died had leased."""
    tx.run(update(certificates).where(certificates.c.lease_token != "").values(lease_until=0, lease_token=""))


def drop(tx: Write, host: str, token: str) -> None:
    """Delete a leased host."""
    tx.run(delete(certificates).where(certificates.c.host == host, certificates.c.lease_token == token))


def forget_domain(tx: Write, domain_id: str) -> int:
    """Delete some of what a domain has; how many."""
    return tx.delete_some(certificates, certificates.c.domain_id == domain_id)


def all_of_them(tx: Read, limit: int) -> list[Certificate]:
    """Those of all accounts, the next ones to expire first."""
    return [
        _certificate(row)
        for row in tx.rows(select(certificates).order_by(certificates.c.not_after).limit(limit))
    ]


def page(
    tx: Read, accounts: Sequence[str], *, after: str | None, before: str | None, limit: int
) -> list[Certificate]:
    """Certificates of accounts by host: those after a host, else the last ones before a host."""
    stmt = select(certificates).where(certificates.c.account_id.in_(accounts))
    if before is not None:
        if before:
            stmt = stmt.where(certificates.c.host < before)
        rows = tx.rows(stmt.order_by(certificates.c.host.desc()).limit(limit))
        return [_certificate(row) for row in reversed(rows)]
    if after:
        stmt = stmt.where(certificates.c.host > after)
    return [_certificate(row) for row in tx.rows(stmt.order_by(certificates.c.host).limit(limit))]


def versions(tx: Read, hosts: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """For each host with a certificate: when it changed, and whether its domain's links are https."""
    rows = tx.rows(
        select(certificates.c.host, certificates.c.changed_at, certificates.c.domain_id).where(
            certificates.c.host.in_(hosts), certificates.c.chain != ""
        )
    )
    schemes = web_schemes(tx, sorted({row.domain_id for row in rows if row.domain_id}))
    return {row.host: (row.changed_at, schemes.get(row.domain_id) == "https") for row in rows}


# --- the account at an authority, and its questions ---


def account(tx: Read, directory: str) -> Any | None:
    """The account at an authority."""
    return tx.row(select(acme_accounts).where(acme_accounts.c.directory == directory))


def add_account(tx: Write, directory: str, key: bytes, now: int) -> None:
    """Keep the key of a new account, unless there is one."""
    values = {"directory": directory, "key": key, "uri": "", "created_at": now}
    tx.upsert(acme_accounts, values, ["directory"])


def set_account_uri(tx: Write, directory: str, uri: str) -> None:
    """Note that the account is registered, or ("") must be again."""
    tx.run(update(acme_accounts).where(acme_accounts.c.directory == directory).values(uri=uri))


def add_challenges(tx: Write, answers: Mapping[str, str], expires_at: int) -> None:
    """Keep the answers to questions of an authority."""
    tx.run(delete(acme_challenges).where(acme_challenges.c.token.in_(list(answers))))
    for token, answer in answers.items():
        tx.run(insert(acme_challenges).values(token=token, answer=answer, expires_at=expires_at))


def answer(tx: Read, token: str) -> str | None:
    """The answer to a question."""
    rows = tx.fetch(_ANSWER, (token,))
    return str(rows[0][0]) if rows else None


def remove_challenges(tx: Write, tokens: Sequence[str]) -> None:
    """Forget answers."""
    tx.run(delete(acme_challenges).where(acme_challenges.c.token.in_(list(tokens))))


def expire_challenges(tx: Write, now: int) -> None:
    """Forget answers that nobody asks for any more."""
    tx.run(delete(acme_challenges).where(acme_challenges.c.expires_at < now))
