"""Tables of domains."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

domains = Table(
    "domains",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False, unique=True),  # ASCII, lower case
    Column("state", Text, nullable=False),  # unverified · active · disabled
    Column("type", Text, nullable=False),  # custom · sandbox
    Column("is_disabled", Boolean, nullable=False),
    Column("authority", Text, nullable=False),  # whose DKIM keys sign: d= of the signature
    Column("automatic_security", Boolean, nullable=False),
    Column("spam_action", Text, nullable=False),
    Column("wildcard", Boolean, nullable=False),
    Column("require_tls", Boolean, nullable=False),
    Column("skip_verification", Boolean, nullable=False),
    Column("web_scheme", Text, nullable=False),
    Column("web_prefix", Text, nullable=False),
    Column("mailfrom_host", Text, nullable=False),
    Column("archive_to", Text, nullable=False),
    Column("encrypt_incoming", Boolean, nullable=False),
    Column("message_ttl", Integer, nullable=False),  # seconds; 0: the default
    Column("ips", Text, nullable=False),  # addresses with commas; "": any of the installation
    Column("created_at", Micros, nullable=False),
    Column("checks", LargeBinary, nullable=False),  # JSON: what the last look at DNS found
    Column("checked_at", Micros, nullable=False),
    # JSON: records.Tracking, less its defaults.
    Column("tracking", Text, nullable=False, server_default="{}"),
    Index("ix_domains_account_created", "account_id", "created_at"),
    Index("ix_domains_mailfrom", "mailfrom_host"),
)

dkim_keys = Table(
    "dkim_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("selector", Text, nullable=False),
    Column("private", LargeBinary, nullable=False),  # sealed PEM
    Column("public", Text, nullable=False),  # the TXT record
    Column("active", Boolean, nullable=False),
    Column("created_at", Micros, nullable=False),
    Index("ix_dkim_keys_owner", "account_id", "authority", "selector", unique=True),
)

smtp_credentials = Table(
    "smtp_credentials",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("login", Text, primary_key=True),  # local part, lower case
    Column("password_hash", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
)

domain_tombstones = Table(
    "domain_tombstones",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("deleted_at", Micros, nullable=False),
)
