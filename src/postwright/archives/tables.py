"""Table of copies that are to be archived."""

from sqlalchemy import Column, Text

from postwright.kernel.db import Micros
from postwright.kernel.db.calls import call_table

archive_calls = call_table(
    "archive_calls",
    Column("id", Micros, primary_key=True, autoincrement=False),  # names the copy in the spool too
    Column("domain_id", Text, nullable=False, index=True),
    Column("message_id", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("url", Text, nullable=False),
)
