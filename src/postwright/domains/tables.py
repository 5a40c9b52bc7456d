"""Tables of domains."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text, false

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
    Column("created_at", Micros, nullable=False),
    Column("checks", LargeBinary, nullable=False),  # JSON: what the last look at DNS found
    Column("checked_at", Micros, nullable=False),
    # JSON: records.Tracking, less its defaults.
    Column("tracking", Text, nullable=False, server_default="{}"),
    Column(
        "proven_at", Micros, nullable=False, server_default="0"
    ),  # when DNS last had what it needs; 0: never
    Column("failing_since", Micros, nullable=False, server_default="0"),  # since when it has not; 0: it has
    Column("next_check_at", Micros, nullable=False, server_default="0"),
    Column(
        "redact_webhooks", Boolean, nullable=False, server_default=false()
    ),  # no personal data in payloads
    # Seconds that its mail is tried for; 0: the default.
    Column("queue_lifetime", Integer, nullable=False, server_default="0"),
    Index("ix_domains_account_created", "account_id", "created_at"),
    Index("ix_domains_authority", "account_id", "authority"),
    Index("ix_domains_next_check", "next_check_at"),
    Index("ix_domains_mailfrom", "mailfrom_host"),
)

dkim_keys = Table(
    "dkim_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("selector", Text, nullable=False),
    Column("private", LargeBinary, nullable=False),  # sealed PEM; empty: revoked, nobody has it any more
    Column("public", Text, nullable=False),  # the TXT record
    Column("active", Boolean, nullable=False),
    Column("created_at", Micros, nullable=False),
    # What names the place in our zone that a CNAME of the customer leads to; "": the customer has the record itself.
    Column("code", Text, nullable=False, server_default=""),
    Column(
        "valid", Text, nullable=False, server_default="unknown"
    ),  # what the last look at DNS found: records.Check
    Column("found", Text, nullable=False, server_default="[]"),  # JSON: the values there
    Column(
        "published_at", Micros, nullable=False, server_default="0"
    ),  # since when the record says what it says
    Column("retired_at", Micros, nullable=False, server_default="0"),  # when a rotation ended signing with it
    Index("ix_dkim_keys_owner", "account_id", "authority", "selector", unique=True),
    Index("ix_dkim_keys_code", "code", "selector"),
)

# Domains with automatic sender security: their two keys take turns.
dkim_rotations = Table(
    "dkim_rotations",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("interval", Integer, nullable=False),  # seconds
    Column("wanted", Boolean, nullable=False),  # once, as soon as it can be
    Column("active_since", Micros, nullable=False),  # when the key that signs began to
    Column("seen_at", Micros, nullable=False),  # since when DNS shows the key that comes next; 0: not yet
    Column("due_at", Micros, nullable=False),  # when there is something to do or to look at
    Index("ix_dkim_rotations_due", "due_at"),
)

# What looks at DNS found, the same result in a row as one.
domain_checks = Table(
    "domain_checks",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("first_at", Micros, primary_key=True),
    Column("last_at", Micros, nullable=False),
    Column("times", Integer, nullable=False),
    Column("asked", Boolean, nullable=False),  # somebody asked for the first of them
    Column("state", Text, nullable=False),  # of the domain afterwards
    Column("results", LargeBinary, nullable=False),  # JSON: records.Check by purpose
)

smtp_credentials = Table(
    "smtp_credentials",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("login", Text, primary_key=True),  # local part, lower case
    Column("password_hash", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
)

# What the domains of accounts that may send so much in an hour have sent in one.
domain_hours = Table(
    "domain_hours",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("hour", Integer, nullable=False),  # since the epoch: what `used` is about
    Column("used", Integer, nullable=False),  # recipients
)

domain_tombstones = Table(
    "domain_tombstones",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("deleted_at", Micros, nullable=False),
)
