"""Tables of the event log."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

events = Table(
    "events",
    metadata,
    Column("seq", Micros, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("at", Micros, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),  # the whole JSON object as it goes over the wire
    Index("ix_events_domain_at", "domain_id", "at", "seq"),
    Index("ix_events_domain_recipient", "domain_id", "recipient", "at"),
    Index("ix_events_domain_message", "domain_id", "message_id", "recipient"),
    Index("ix_events_at", "at"),
    # A number of a deleted last row must not come again: cursors point behind it.
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    Column("reader", Text, primary_key=True),
    Column("seq", Micros, nullable=False),
)
