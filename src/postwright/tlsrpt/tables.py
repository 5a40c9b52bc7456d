"""Tables of TLS reporting."""

from sqlalchemy import Column, Index, Integer, Table, Text, text

from postwright.kernel.db import Micros, metadata

_waiting = text("state = 'waiting'")

tls_results = Table(
    "tls_results",
    metadata,
    Column("day", Integer, primary_key=True),  # since the epoch, UTC
    Column("domain", Text, primary_key=True),
    Column("policy_key", Text, primary_key=True),  # digest of the policy
    Column("failure", Text, primary_key=True),  # "": success
    Column("mx_host", Text, primary_key=True),
    Column("mx_ip", Text, primary_key=True),
    Column("source_ip", Text, primary_key=True),
    Column("policy", Text, nullable=False),  # JSON
    Column("sessions", Integer, nullable=False),
)

tls_reports = Table(
    "tls_reports",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("domain", Text, primary_key=True),
    Column("state", Text, nullable=False),  # waiting · sent · unwanted · failed
    Column("due_at", Micros, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("done", Text, nullable=False),  # JSON array of URIs
    Column("problem", Text, nullable=False),
    Index("ix_tls_reports_due", "due_at", sqlite_where=_waiting, postgresql_where=_waiting),
)
