"""Tables of suppressions."""

from sqlalchemy import Column, Index, Table, Text

from postwright.kernel.db import Micros, metadata

suppressions = Table(
    "suppressions",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("address", Text, primary_key=True),  # lower case; before `kind`, so that one look finds all kinds
    Column("kind", Text, primary_key=True),  # bounce · unsubscribe · complaint
    Column("code", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("tags", Text, nullable=False),  # of an unsubscribe: JSON array, ["*"] for everything
    Column("created_at", Micros, nullable=False),
    Index("ix_suppressions_list", "domain_id", "kind", "address"),
)

allowlist = Table(
    "allowlist",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("value", Text, primary_key=True),  # an address or a domain, lower case
    Column("type", Text, nullable=False),  # address · domain
    Column("reason", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
)
