"""Tables of accounts and their keys."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text, true

from postwright.kernel.db import Micros, metadata

# Accounts whose mail must not leave. As text: a planner uses a partial index only where it sees the very condition.
STOPPED = "emptied_at IS NULL AND (status <> 'open' OR NOT may_send)"
_stopped = text(STOPPED)

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
    Column("features", Text, nullable=False, server_default="{}"),  # JSON: name to whether it is on
    Column("may_send", Boolean, nullable=False, server_default=true()),  # the feature `sending`
    Column("disabled_reason", Text, nullable=False, server_default=""),
    Column("absolute_seconds", Integer),  # how long a session of the panel lasts; null: as long as usual
    Column("inactive_seconds", Integer),  # and without a request
    Column("logout_url", Text, nullable=False, server_default=""),
    Column("hourly", Integer),  # recipients that each of its domains may have in an hour; null: any number
    Column("emptied_at", Micros),  # when a closed account held nothing any more
    Index("ix_accounts_stopped", "id", sqlite_where=_stopped, postgresql_where=_stopped),
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

message_limits = Table(
    "message_limits",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("maximum", Micros, nullable=False),  # messages in a calendar month (UTC)
    Column("month", Integer, nullable=False),  # 202611: what `used` and `warned` are about
    Column("used", Micros, nullable=False),
    Column("warned", Integer, nullable=False),  # the last of 50, 75, 100 (per cent) that was told
    Column("waived", Integer, nullable=False),  # the month in which sending goes on although it is spent
)

ip_allowlist = Table(
    "ip_allowlist",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("address", Text, primary_key=True),  # canonical: an address, or a network with its length
    Column("description", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
)

sandbox_recipients = Table(
    "sandbox_recipients",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("email", Text, primary_key=True),  # lower case
    Column("activated", Boolean, nullable=False),
    Column("digest", Text, unique=True),  # of the token in the link that confirms
    Column("created_at", Micros, nullable=False),
)
