"""Table of recipients to deal with."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, literal_column, text

from postwright.kernel.db import Micros, metadata

QUEUED = literal_column("0", Integer)
LEASED = literal_column("1", Integer)

_queued = text("state = 0")
_leased = text("state = 1")

inbound_jobs = Table(
    "inbound_jobs",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=False),
    Column("domain_id", Text, nullable=False, index=True),
    Column("recipient", Text, nullable=False),
    Column("arrival", LargeBinary, nullable=False),  # records.Arrival as MessagePack
    Column("state", Integer, nullable=False),
    Column("due_at", Micros, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", Micros, nullable=False),
    Column("lease_token", Text, nullable=False),
    Column("last_error", Text, nullable=False),
    Index("ix_inbound_jobs_due", "due_at", sqlite_where=_queued, postgresql_where=_queued),
    Index("ix_inbound_jobs_leased", "lease_until", sqlite_where=_leased, postgresql_where=_leased),
)
