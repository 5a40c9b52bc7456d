"""Table of the delivery journal."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

attempts = Table(
    "attempts",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("message", Micros, nullable=False),  # its number; numbers rise, so the index grows at its end
    Column("domain_id", Text, nullable=False),
    Column("at", Micros, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),  # records.Record as MessagePack
    Index("ix_attempts_message", "message", "id"),
    sqlite_autoincrement=True,
)
