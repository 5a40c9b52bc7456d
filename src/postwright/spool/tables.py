"""Table of message bytes."""

from sqlalchemy import Column, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

bodies = Table(
    "bodies",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=False),
    Column("file", Text, nullable=False),  # "" when `data` holds the bytes
    Column("data", LargeBinary, nullable=False),
)
