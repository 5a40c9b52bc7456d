"""Table of received reports."""

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

received_reports = Table(
    "received_reports",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=False),  # the arrival that brought it
    Column("domain_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # dmarc · tls
    Column("organisation", Text, nullable=False),
    Column("report_id", Text, nullable=False),
    Column("ended_at", Micros, nullable=False),
    Column("received_at", Micros, nullable=False, index=True),
    Column("authenticated", Boolean, nullable=False),  # who sent it could prove a domain
    Column("data", LargeBinary, nullable=False),  # the report as JSON
    Index("ix_received_reports_list", "domain_id", "kind", "ended_at", "id"),
    Index("ix_received_reports_once", "domain_id", "kind", "organisation", "report_id", unique=True),
)
