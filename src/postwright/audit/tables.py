"""Table of the audit log."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

audit = Table(
    "audit",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("at", Micros, nullable=False, index=True),
    Column("account_id", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("change", LargeBinary, nullable=False),  # [before, after] as JSON
    Index("ix_audit_account", "account_id", "id"),
    sqlite_autoincrement=True,
)
