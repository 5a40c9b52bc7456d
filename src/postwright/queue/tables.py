"""Table of the queue."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, literal_column, text

from postwright.kernel.db import Micros, metadata

# Literals, not bound values: a planner uses a partial index only where it can see that the condition holds.
QUEUED = literal_column("0", Integer)
LEASED = literal_column("1", Integer)
PARKED = literal_column("2", Integer)
HELD = literal_column("3", Integer)

_queued = text("state = 0")
_leased = text("state = 1")
_parked = text("state = 2")
_held = text("state = 3")

queue = Table(
    "queue",
    metadata,
    Column("id", Micros, primary_key=True, autoincrement=False),
    Column("message", Micros, nullable=False, index=True),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False, index=True),
    Column("recipient", Text, nullable=False),
    Column("site", Text, nullable=False),  # the recipient's domain: who shares a destination
    Column("lane", Integer, nullable=False),  # 0: of a message to few, 1: of one to many
    Column("state", Integer, nullable=False),
    Column("due_at", Micros, nullable=False),
    Column("accepted_at", Micros, nullable=False),
    Column("give_up_at", Micros, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", Micros, nullable=False),  # of a held row: since when
    Column("lease_token", Text, nullable=False),
    Column("started", Integer, nullable=False),  # 1: an attempt began under this lease
    Column("ambiguous", Integer, nullable=False),  # 1: the receiver may already have it
    Column(
        "parked", Text, nullable=False
    ),  # the destination a parked row waits for, the rule that holds a held one
    Column("last_code", Integer, nullable=False),
    Column("last_reply", Text, nullable=False),
    Column("personal", LargeBinary, nullable=False),  # what only this recipient's copy has
    Index("ix_queue_due", "due_at", sqlite_where=_queued, postgresql_where=_queued),
    # Turns: the accounts with something to send, and the oldest of each, without looking at the others.
    Index(
        "ix_queue_turns",
        "lane",
        "account_id",
        "due_at",
        sqlite_where=_queued,
        postgresql_where=_queued,
    ),
    Index(
        "ix_queue_parked",
        "parked",
        "lane",
        "account_id",
        "due_at",
        sqlite_where=_parked,
        postgresql_where=_parked,
    ),
    Index("ix_queue_parked_end", "give_up_at", sqlite_where=_parked, postgresql_where=_parked),
    Index("ix_queue_held", "parked", sqlite_where=_held, postgresql_where=_held),
    Index("ix_queue_leased", "lease_until", sqlite_where=_leased, postgresql_where=_leased),
)

# Who runs the mailboxes of recipient domains, where their MX hosts say something else than their names do.
site_providers = Table(
    "site_providers",
    metadata,
    Column("site", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("seen_at", Micros, nullable=False, index=True),
)
