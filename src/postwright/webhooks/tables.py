"""Tables of webhooks and their calls."""

from sqlalchemy import Column, Index, Table, Text

from postwright.kernel.db import Micros, metadata
from postwright.kernel.db.calls import call_table

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


webhook_calls = call_table(
    "webhook_calls",
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False),
    Column("event_seq", Micros, nullable=False),  # the event's place in the log
    Column("event_type", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column(
        "response", Text, nullable=False, server_default=""
    ),  # the beginning of what the receiver said last
    Index("ix_webhook_calls_event", "event_seq"),
    Index("ix_webhook_calls_account", "account_id", "id"),
    sqlite_autoincrement=True,
)
