"""Source addresses: whose they are, which domains send from them, pools of them, and how they earn a reputation.

Tables: `source_ips`, `ip_links`, `ip_pools`, `pool_grants`, `domain_sources`, `account_sources`, `ip_versions`,
`ip_jobs`, `ip_warmups`, `ip_warmup_shares`, `reputations`, `dynamic_domains`, `dynamic_history`, `dns_checks`,
`dns_check_history`, `dns_walks`. An address is in at most one pool (a column), and a subaccount has at most one pool
from its parent (a key). Every change counts `ip_versions` up; `Book` is what processes that send know of all this, at
most a second old. Changes of many domains or subaccounts are jobs, done piece by piece. `Quota` takes rights to send
from addresses that are being warmed up out of one row, so that their caps hold whoever sends. Reads the event log: what
came of mail, by domain and by address; by that domains move between dynamic pools, each hour. `Watch` looks at PTR
records, EHLO names and blocklists by the clock.
"""

from .addresses import COMMAND, assignable, declare, declared, parse, pool_usable, put_in_band, remove, usable
from .book import Book, Choice
from .checks import Finding, Looker, Outcome
from .dynamic import forget_domain
from .errors import BadIp
from .jobs import JobRunner
from .quota import Quota
from .records import Assigned, Declared, Feature, Pool, SourceIp
from .sending import assign_new, choose, ips_of, link_pool
from .store.addresses import all_ips, hidden, in_use, set_hidden
from .timers import Timers
from .watch import Watch

__all__ = [
    "COMMAND",
    "Assigned",
    "BadIp",
    "Book",
    "Choice",
    "Declared",
    "Feature",
    "Finding",
    "JobRunner",
    "Looker",
    "Outcome",
    "Pool",
    "Quota",
    "SourceIp",
    "Timers",
    "Watch",
    "all_ips",
    "assign_new",
    "assignable",
    "choose",
    "declare",
    "declared",
    "forget_domain",
    "hidden",
    "in_use",
    "ips_of",
    "link_pool",
    "parse",
    "pool_usable",
    "put_in_band",
    "remove",
    "set_hidden",
    "usable",
]
