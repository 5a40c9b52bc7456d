"""Tables of captured messages, and of what their recipients do with them."""

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, Table, Text, text

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

# What recipients do, by rule.
rules = Table(
    "capture_rules",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("recipient", Text, nullable=False),  # a pattern in lower case
    Column("do", Text, nullable=False),
    Column("enhanced", Text, nullable=False),
    Column("code", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("after", Float, nullable=False),  # seconds
    sqlite_autoincrement=True,
)

# Attempts at recipients that are greylisted.
tries = Table(
    "capture_tries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("at", Micros, nullable=False, index=True),
)

# What recipients will do with messages they took.
acts = Table(
    "capture_acts",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("captured", Micros, nullable=False),  # the message
    Column("account_id", Text, nullable=False),
    Column("do", Text, nullable=False),
    Column("enhanced", Text, nullable=False),
    Column("state", Integer, nullable=False),  # 0: waits, 1: is being done
    Column("due_at", Micros, nullable=False),
    Column("lease_until", Micros, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index(
        "ix_capture_acts_due", "due_at", sqlite_where=text("state = 0"), postgresql_where=text("state = 0")
    ),
    sqlite_autoincrement=True,
)
