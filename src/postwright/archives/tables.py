"""Table of copies that are to be archived."""

from sqlalchemy import Column, Index, Integer, Table, Text, literal_column, text

from postwright.kernel.db import Micros, metadata

QUEUED = literal_column("0", Integer)
LEASED = literal_column("1", Integer)
DONE = literal_column("2", Integer)
GIVEN_UP = literal_column("3", Integer)

_queued = text("state = 0")
_leased = text("state = 1")

archive_calls = Table(
    "archive_calls",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=False),  # names the copy in the spool too
    Column("domain_id", Text, nullable=False, index=True),
    Column("message_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("state", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Micros, nullable=False),
    Column("lease_until", Micros, nullable=False),
    Column("lease_token", Text, nullable=False),
    Column("last_status", Integer, nullable=False),  # 0: no answer came
    Column("last_error", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("finished_at", Micros, nullable=False, index=True),  # 0: not yet
    Index("ix_archive_calls_due", "due_at", sqlite_where=_queued, postgresql_where=_queued),
    Index("ix_archive_calls_leased", "lease_until", sqlite_where=_leased, postgresql_where=_leased),
)
