"""The table of retentions that differ from the installation's."""

from sqlalchemy import Column, Integer, Table, Text

from postwright.kernel.db import metadata

retentions = Table(
    "event_retentions",
    metadata,
    Column("owner_id", Text, primary_key=True),  # of an account, or of a domain
    Column("kind", Text, nullable=False),  # account · domain
    Column("days", Integer, nullable=False),
)
