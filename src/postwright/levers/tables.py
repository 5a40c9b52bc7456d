"""Table of standing rules."""

from sqlalchemy import Column, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

lever_rules = Table(
    "lever_rules",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("filter", LargeBinary, nullable=False),  # records.Filter as JSON
    Column("target", LargeBinary, nullable=False),  # records.Target as JSON, or null
    Column("note", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("created_by", Text, nullable=False),
    sqlite_autoincrement=True,
)
