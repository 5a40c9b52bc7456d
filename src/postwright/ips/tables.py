"""Tables of source addresses and pools."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, Table, Text

from postwright.kernel.db import Micros, metadata

source_ips = Table(
    "source_ips",
    metadata,
    Column("address", Text, primary_key=True),
    Column("ehlo", Text, nullable=False),  # "": the installation's own name
    Column("account_id", Text, nullable=False),  # whose it is; "": nobody's yet, or everybody's when shared
    Column("dedicated", Boolean, nullable=False),
    Column("band", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("origin", Text, nullable=False),  # settings · command: who declared it
    Column("pool_id", Text, nullable=False),  # "": none. One column: an address is in at most one pool
    Column("created_at", Micros, nullable=False),
    Column("pool_changed_at", Micros, nullable=False),  # 0: never
    Column("domains_changed_at", Micros, nullable=False),  # 0: never
    Index("ix_source_ips_account", "account_id"),
    Index("ix_source_ips_pool", "pool_id"),
)

# Addresses of a parent that a subaccount may use as well.
ip_links = Table(
    "ip_links",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("created_at", Micros, nullable=False),
    Index("ix_ip_links_address", "address"),
)

ip_pools = Table(
    "ip_pools",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # dedicated · dynamic · going (its domains are being moved)
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Micros, nullable=False),
    Index("ix_ip_pools_account", "account_id", "created_at"),
)

# The pool that a subaccount has from its parent; at most one.
pool_grants = Table(
    "pool_grants",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("pool_id", Text, nullable=False, index=True),
    Column("created_at", Micros, nullable=False),
)

# What a domain sends from; a domain without a row has no choice of its own.
domain_sources = Table(
    "domain_sources",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("ips", Text, nullable=False),  # addresses with commas; "": none of its own
    Column("pool_id", Text, nullable=False),  # "": none; with a dedicated pool `ips` is ""
    Column("spill_pool_id", Text, nullable=False),  # where what warming addresses cannot take goes
    Column("version", Micros, nullable=False, index=True),  # of `ip_versions` when it changed
    Index("ix_domain_sources_account", "account_id", "domain_id"),
    Index("ix_domain_sources_pool", "pool_id", "domain_id"),
)

account_sources = Table(
    "account_sources",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("spill_pool_id", Text, nullable=False),
    Column("hidden", Text, nullable=False),  # features the account may not use, with commas
)

# One row. Every change of these tables counts it up, so that processes see with one look that something changed.
ip_versions = Table(
    "ip_versions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Micros, nullable=False),
)

# Changes of many domains or subaccounts, done piece by piece.
ip_jobs = Table(
    "ip_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("args", Text, nullable=False),  # JSON
    Column("after", Text, nullable=False),  # the last domain or account that was done
    Column("created_at", Micros, nullable=False, index=True),
)

# Addresses that are being warmed up. An ended plan leaves no row.
ip_warmups = Table(
    "ip_warmups",
    metadata,
    Column("address", Text, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("stage", Integer, nullable=False),  # from 1
    Column("plan_started_at", Micros, nullable=False),
    Column("updated_at", Micros, nullable=False),
    Column("stage_started_at", Micros, nullable=False),
    Column("day_started_at", Micros, nullable=False),
    Column("hour_started_at", Micros, nullable=False),
    Column("last_sent_at", Micros, nullable=False),
    Column("sent", Micros, nullable=False),  # messages since the plan began
    Column("sent_before", Micros, nullable=False),  # the same when the stage began
    Column("day_sent", Integer, nullable=False),
    Column("hour_sent", Integer, nullable=False),
    Column("history", Text, nullable=False),  # JSON: ended stages
    Column("held", Text, nullable=False),  # why the last day did not end its stage
)

# The part of one mailbox provider in the caps of a day and of an hour.
ip_warmup_shares = Table(
    "ip_warmup_shares",
    metadata,
    Column("address", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("day_started_at", Micros, nullable=False),
    Column("hour_started_at", Micros, nullable=False),
    Column("day_sent", Integer, nullable=False),
    Column("hour_sent", Integer, nullable=False),
)

# What came of mail, by hour, of a source address (ip:ADDRESS) or of a domain (domain:ID).
reputations = Table(
    "reputations",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("hour", Micros, primary_key=True),  # its begin
    Column("processed", Integer, nullable=False),  # delivered, or refused for good
    Column("bounced", Integer, nullable=False),  # hard
    Column("complained", Integer, nullable=False),
    Column("blocked", Integer, nullable=False),  # put off or refused for the sender's sake
    Index("ix_reputations_hour", "hour"),
)

# Domains enrolled in the dynamic pools of an account (their own, or its parent); their figures at the last check.
dynamic_domains = Table(
    "dynamic_domains",
    metadata,
    Column("domain_id", Text, primary_key=True),
    Column("owner_id", Text, nullable=False),  # whose pools
    Column("account_id", Text, nullable=False),
    Column("band", Text, nullable=False),  # the name of its pool
    Column("override", Boolean, nullable=False),  # people chose the pool
    Column("bounce_rate", Float),  # null: no mail to judge by
    Column("complaint_rate", Float),
    Column("processed_count", Micros),
    Column("registered_at", Micros, nullable=False),
    Column("moved_at", Micros, nullable=False),
    Column("checked_at", Micros, nullable=False, index=True),  # 0: to be checked at once
    Index("ix_dynamic_domains_owner", "owner_id", "domain_id"),
)

# How domains came from one dynamic pool to another.
dynamic_history = Table(
    "dynamic_history",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("domain_id", Text, nullable=False),
    Column("prev_band", Text, nullable=False),  # "": it was enrolled
    Column("new_band", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("bounce_rate", Float),
    Column("complaint_rate", Float),
    Column("processed_count", Micros),
    Column("initiated_by", Text, nullable=False),  # `system`, or the user or key that asked for it
    Column("at", Micros, nullable=False, index=True),
    Index("ix_dynamic_history_owner", "owner_id", "at", "id"),
    Index("ix_dynamic_history_domain", "domain_id", "at", "id"),
)

# What DNS says of an address (ip:ADDRESS) or a domain (domain:ID): the last look, one row a kind of check.
dns_checks = Table(
    "dns_checks",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # ptr · ehlo · blocklist:ZONE
    Column(
        "outcome", Text, nullable=False
    ),  # valid · invalid · listed · clear · unknown: the last that anybody could tell
    Column("detail", Text, nullable=False),
    Column("found", Text, nullable=False),  # JSON: names or codes
    Column("problem", Text, nullable=False),  # why the last look could not tell; "": it could
    Column("since", Micros, nullable=False),  # when the outcome became what it is
    Column("checked_at", Micros, nullable=False),
)

dns_check_history = Table(
    "dns_check_history",
    metadata,
    Column("id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("before", Text, nullable=False),  # "": it was the first look
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Micros, nullable=False, index=True),
    Index("ix_dns_check_history_scope", "scope", "at", "id"),
)

# How far the walks over all addresses and over all domains are, so that each is looked at by one process.
dns_walks = Table(
    "dns_walks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("after", Text, nullable=False),  # the last address or domain that was looked at
    Column("next_at", Micros, nullable=False),
)
