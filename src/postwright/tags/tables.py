"""The table of tags."""

from sqlalchemy import Column, Index, Table, Text

from postwright.kernel.db import Micros, metadata

tags = Table(
    "tags",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("domain_id", Text, primary_key=True),  # "": of the account, whatever the domain
    Column("key", Text, primary_key=True),  # the tag in lower case
    Column("tag", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("first_seen", Micros, nullable=False),
    Column("last_seen", Micros, nullable=False),
    Index("ix_tags_domain", "domain_id"),
)
