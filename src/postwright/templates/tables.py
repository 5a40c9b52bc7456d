"""Tables of templates."""

from sqlalchemy import Boolean, Column, Index, Table, Text

from postwright.kernel.db import Micros, metadata

templates = Table(
    "templates",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False),  # "": of the account
    Column("name", Text, nullable=False),  # lower case
    Column("description", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
    Index("ix_templates_name", "account_id", "domain_id", "name", unique=True),
    Index("ix_templates_domain", "domain_id"),
)

template_versions = Table(
    "template_versions",
    metadata,
    Column("template_id", Text, primary_key=True),
    Column("tag", Text, primary_key=True),  # lower case
    Column("id", Text, nullable=False),  # a UUID
    Column("content", Text, nullable=False),
    Column("mjml", Text, nullable=False),  # what the content was made from, if its author says so
    Column("comment", Text, nullable=False),
    Column("headers", Text, nullable=False),  # JSON object: From, Subject, Reply-To
    Column("active", Boolean, nullable=False),
    Column("created_at", Micros, nullable=False),
)
