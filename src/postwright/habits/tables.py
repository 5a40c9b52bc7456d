"""Table of recipients' habits."""

from sqlalchemy import Column, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata

habits = Table(
    "habits",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),  # lower case
    Column("zone", Text, nullable=False),  # IANA name; "": not known
    Column("hours", LargeBinary, nullable=False),  # 168 counters, one for each hour of the week in UTC
    Column("seen_at", Micros, nullable=False, index=True),
)
