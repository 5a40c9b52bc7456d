"""Tables of mailing lists."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

lists = Table(
    "lists",
    metadata,
    Column("key", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False, index=True),
    Column("domain", Text, nullable=False),
    Column("address", Text, nullable=False, unique=True),  # lower case
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("access_level", Text, nullable=False),  # readonly · members · everyone
    Column("reply_preference", Text, nullable=False),  # list · sender
    Column("list_id", Text, nullable=False),  # what List-Id says; "": made of the address
    Column("members_count", Integer, nullable=False),
    Column("created_at", Micros, nullable=False),
    Index("ix_lists_account", "account_id", "address"),
    Index("ix_lists_account_domain", "account_id", "domain"),
)

list_members = Table(
    "list_members",
    metadata,
    Column("list_key", Text, primary_key=True),
    Column("address", Text, primary_key=True),  # lower case
    Column("name", Text, nullable=False),
    Column("subscribed", Boolean, nullable=False),
    Column("vars", Text, nullable=False),  # JSON object
    Index("ix_list_members_subscribed", "list_key", "subscribed", "address"),
)

list_uploads = Table(
    "list_uploads",
    metadata,
    Column("id", Text, primary_key=True),  # the task-id
    Column("list_key", Text, nullable=False, index=True),
    Column("format", Text, nullable=False),  # json · csv
    Column("subscribed", Boolean, nullable=False),
    Column("upsert", Boolean, nullable=False),
    Column("data", LargeBinary, nullable=False),  # MessagePack array of entries; emptied when done
    Column("total", Integer, nullable=False),
    Column("position", Integer, nullable=False),  # entries dealt with
    Column("upserted", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("pending", Boolean, nullable=False, index=True),
    Column("created_at", Micros, nullable=False),
    Column("finished_at", Micros, nullable=False),  # 0: not yet
)

list_posts = Table(
    "list_posts",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=False),  # of the message that members get
    Column("source", Micros, nullable=False),  # of the message that was posted
    Column("list_key", Text, nullable=False),
    Column("after", Text, nullable=False),  # the last member that has its copy queued
    Column("started", Boolean, nullable=False),  # the members' message is stored
    Column("due_at", Micros, nullable=False),  # when copies go out
    Column("lifetime", Micros, nullable=False),  # how long they are tried, in microseconds
    Column("created_at", Micros, nullable=False),
)
