"""Table of delivery: what it holds back for now."""

from sqlalchemy import Column, Table, Text, UniqueConstraint

from postwright.kernel.db import Micros, metadata

suspensions = Table(
    "suspensions",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=True),
    # The scope: an empty column stands for all.
    Column("site", Text, nullable=False),
    Column("source", Text, nullable=False),  # source address
    Column("account_id", Text, nullable=False),
    Column("limits", Text, nullable=False),  # JSON: the limits that hold meanwhile; "" for a full stop
    Column("rule", Text, nullable=False),  # the name of the rule, or who decided
    Column("reason", Text, nullable=False),  # the reply that led to it
    Column("since", Micros, nullable=False),
    Column("until", Micros, nullable=False, index=True),
    UniqueConstraint("site", "source", "account_id", "rule"),
    sqlite_autoincrement=True,
)
