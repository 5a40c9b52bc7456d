"""Table of captured messages."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

captured = Table(
    "captured",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("at", Micros, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("sender", Text, nullable=False),  # envelope
    Column("recipient", Text, nullable=False, index=True),  # envelope, lower case
    Column("from_", Text, nullable=False),
    Column("to", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message_id", Text, nullable=False, index=True),
    Column("size", Micros, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Index("ix_captured_account", "account_id", "id"),
    sqlite_autoincrement=True,
)
