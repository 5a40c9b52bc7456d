"""Tables of accepted messages."""

from sqlalchemy import Column, LargeBinary, Table, Text, text

from postwright.kernel.db import Micros, metadata

messages = Table(
    "messages",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=False),  # names the body in the spool too
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False, index=True),
    Column("meta", LargeBinary, nullable=False),  # records.Meta as MessagePack
    Column("expires_at", Micros, nullable=False, index=True),
    # When its owner deleted it; 0: not. It is there until nothing can wait for it any more, but not to be seen.
    Column("deleted_at", Micros, nullable=False, server_default=text("0")),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("name", Text, primary_key=True),  # a hash of account and key
    Column("message_id", Text, nullable=False),
    Column("expires_at", Micros, nullable=False, index=True),
)
