"""Tables of tracking."""

from sqlalchemy import Column, Index, Table, Text

from postwright.kernel.db import Micros, metadata

# What decides whether a hit is the first one, the same one again, or one of many. Rows go after some days.
engagements = Table(
    "engagements",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),  # lower case
    Column("recipient", Text, primary_key=True),  # lower case
    Column("name", Text, primary_key=True),  # opened · clicked
    Column("bot", Text, primary_key=True),
    Column("unique_at", Micros, nullable=False),  # the last one that was told as unique
    Column("last_at", Micros, nullable=False),
    Column("recent", Text, nullable=False),  # JSON: time and name of the last links clicked
    Index("ix_engagements_last", "last_at"),
)

# How far the hits of each journal file are in the event log.
tracking_journals = Table(
    "tracking_journals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", Micros, nullable=False),
)
