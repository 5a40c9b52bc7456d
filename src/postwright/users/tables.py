"""Tables of people."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("email", Text, nullable=False, unique=True),  # lower case
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("is_master", Boolean, nullable=False),  # the owner, who cannot be removed
    Column("is_disabled", Boolean, nullable=False),
    Column("activated", Boolean, nullable=False),  # has chosen a password
    Column("password_hash", Text),
    Column("password_updated_at", Micros),
    Column("tfa_secret", LargeBinary),  # sealed; there while it is enrolled, in use once it is active
    Column("tfa_active", Boolean, nullable=False),
    Column("tfa_created_at", Micros),
    Column("tfa_step", Integer, nullable=False),  # the last 30 seconds whose code was used (RFC 6238 §5.2)
    Column("recovery", LargeBinary),  # JSON list of digests of unused codes
    Column("time_zone", Text, nullable=False),
    Column("opened_ip", Text, nullable=False),  # where the invitation was accepted
    Column("signed_in_at", Micros),
    Column("created_at", Micros, nullable=False),
    Column("updated_at", Micros, nullable=False),
)

user_links = Table(
    "user_links",
    metadata,
    Column("digest", Text, primary_key=True),  # of the token in the link
    Column("user_id", Text, ForeignKey("users.id"), nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("expires_at", Micros, nullable=False, index=True),
)
