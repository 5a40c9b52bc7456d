"""Table of calls that tell of received mail."""

from sqlalchemy import Column, Index, Integer, Table, Text, literal_column, text

from postwright.kernel.db import Micros, metadata

QUEUED = literal_column("0", Integer)
LEASED = literal_column("1", Integer)
DONE = literal_column("2", Integer)
GIVEN_UP = literal_column("3", Integer)

_queued = text("state = 0")
_leased = text("state = 1")

inbound_calls = Table(
    "inbound_calls",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False, index=True),
    Column("message", Micros, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("kind", Text, nullable=False),  # forward: the whole message · notify: where it is stored
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
    Index("ix_inbound_calls_due", "due_at", sqlite_where=_queued, postgresql_where=_queued),
    Index("ix_inbound_calls_leased", "lease_until", sqlite_where=_leased, postgresql_where=_leased),
    sqlite_autoincrement=True,
)
