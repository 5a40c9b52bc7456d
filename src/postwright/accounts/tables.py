"""Tables of accounts and their keys."""

from sqlalchemy import Boolean, Column, ForeignKey, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("parent_id", Text, ForeignKey("accounts.id"), index=True),  # null: a primary account
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),  # records.Status
    Column("owner_email", Text, nullable=False),
    Column("signing_key", LargeBinary, nullable=False),  # sealed: webhooks are signed with the clear text
    Column("public_key", Text, nullable=False, unique=True),  # digest
    Column("created_at", Micros, nullable=False),
    Column("updated_at", Micros, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("digest", Text, nullable=False, unique=True),  # of the secret, which nobody can read again
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("domain_name", Text),  # as DNS has it; set for domain keys only
    Column("requestor", Text),  # the e-mail address given with the key
    Column("user_id", Text),
    Column("user_name", Text),
    Column("expires_at", Micros),
    Column("is_disabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    Column("created_at", Micros, nullable=False),
    Column("updated_at", Micros, nullable=False),
    Column("last_used_at", Micros),  # to the hour
)
