"""Table of notices."""

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

notices = Table(
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", LargeBinary, nullable=False),  # sealed
    Column("created_at", Micros, nullable=False),
    Column("due_at", Micros, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
)
