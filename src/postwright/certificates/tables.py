"""Tables of certificates."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, text

from postwright.kernel.db import Micros, metadata

_due = text("due_at IS NOT NULL")

certificates = Table(
    "certificates",
    metadata,
    Column("host", Text, primary_key=True),  # ASCII, lower case
    Column("account_id", Text, nullable=False),  # "": of the installation itself
    Column("domain_id", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),  # processing · active · error
    Column("chain", Text, nullable=False),  # PEM, the host's own first; "": none yet
    Column("key", LargeBinary, nullable=False),  # sealed PEM
    Column("issuer", Text, nullable=False),
    Column("not_before", Micros, nullable=False),
    Column("not_after", Micros, nullable=False),
    Column("changed_at", Micros, nullable=False),  # when `chain` last changed
    Column("due_at", Micros, nullable=True),  # when to obtain the next; NULL: never
    Column("attempts", Integer, nullable=False),  # in vain since the last success
    Column("failures", Text, nullable=False),  # JSON: times of the failed ones of the last hour
    Column("lease_until", Micros, nullable=False),
    Column("lease_token", Text, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
    Index("ix_certificates_account_host", "account_id", "host"),
    Index("ix_certificates_due", "due_at", sqlite_where=_due, postgresql_where=_due),
)

acme_accounts = Table(
    "acme_accounts",
    metadata,
    Column("directory", Text, primary_key=True),  # URL of the authority's directory
    Column("key", LargeBinary, nullable=False),  # sealed PEM
    Column("uri", Text, nullable=False),  # "": not registered yet
    Column("created_at", Micros, nullable=False),
)

acme_challenges = Table(
    "acme_challenges",
    metadata,
    Column("token", Text, primary_key=True),
    Column("answer", Text, nullable=False),  # the key authorization (RFC 8555 §8.1)
    Column("expires_at", Micros, nullable=False, index=True),
)
