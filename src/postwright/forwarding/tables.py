"""Table of calls that tell of received mail."""

from sqlalchemy import Column, Text

from postwright.kernel.db import Micros
from postwright.kernel.db.calls import call_table

inbound_calls = call_table(
    "inbound_calls",
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False, index=True),
    Column("message", Micros, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("kind", Text, nullable=False),  # forward: the whole message · notify: where it is stored
    Column("url", Text, nullable=False),
    sqlite_autoincrement=True,
)
