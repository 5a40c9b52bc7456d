"""Table of forwards."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

forwards = Table(
    "forwards",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False),
    Column("domain_name", Text, nullable=False),
    Column("match", Text, nullable=False),  # lower case
    Column("match_key", Text, nullable=False),  # see matching.key
    Column("targets", LargeBinary, nullable=False),  # JSON: records.Targets
    Column("created_at", Micros, nullable=False),
    Column("updated_at", Micros, nullable=False),
    # In "C" order on PostgreSQL as well it would save nothing: keys are only compared for equality.
    Index("ix_forwards_key", "domain_id", "match_key"),
    Index("ix_forwards_account", "account_id", "id"),
    Index("ix_forwards_domain", "domain_id", "id"),
)
