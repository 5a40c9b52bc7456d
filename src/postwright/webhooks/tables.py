"""Tables of webhooks and their calls."""

from sqlalchemy import Column, Index, Integer, Table, Text, literal_column, text

from postwright.kernel.db import Micros, metadata

QUEUED = literal_column("0", Integer)
LEASED = literal_column("1", Integer)
DONE = literal_column("2", Integer)
GIVEN_UP = literal_column("3", Integer)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False),  # "": for the whole account
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
    Index("ix_webhooks_level_url", "account_id", "domain_id", "url", unique=True),
)

webhook_types = Table(
    "webhook_types",
    metadata,
    Column("webhook_id", Text, primary_key=True),
    Column("event_type", Text, primary_key=True),
)

_queued = text("state = 0")
_leased = text("state = 1")

webhook_calls = Table(
    "webhook_calls",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False),
    Column("event_seq", Micros, nullable=False),  # the event's place in the log
    Column("event_type", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("state", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Micros, nullable=False),
    Column("lease_until", Micros, nullable=False),
    Column("lease_token", Text, nullable=False),
    Column("last_status", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("finished_at", Micros, nullable=False, index=True),
    Index("ix_webhook_calls_due", "due_at", sqlite_where=_queued, postgresql_where=_queued),
    Index("ix_webhook_calls_leased", "lease_until", sqlite_where=_leased, postgresql_where=_leased),
    sqlite_autoincrement=True,
)
