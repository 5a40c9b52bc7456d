"""Table of MTA-STS policies."""

from sqlalchemy import Column, Integer, Table, Text

from postwright.kernel.db import Micros, metadata

sts_policies = Table(
    "sts_policies",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("policy_id", Text, nullable=False),  # of the TXT record when it was fetched
    Column("mode", Text, nullable=False),  # enforce · testing · none
    Column("mx", Text, nullable=False),  # patterns with commas
    Column("max_age", Integer, nullable=False),  # seconds
    Column("fetched_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=False, index=True),
)
