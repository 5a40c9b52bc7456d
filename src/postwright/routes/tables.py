"""Tables of routes."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

routes = Table(
    "routes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("expression", Text, nullable=False),
    Column("actions", LargeBinary, nullable=False),  # JSON array of texts
    Column("created_at", Micros, nullable=False),
    Index("ix_routes_order", "account_id", "priority", "created_at", "id"),
)

route_revisions = Table(
    "route_revisions",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("revision", Micros, nullable=False),
)
