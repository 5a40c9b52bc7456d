"""What operators decide about mail that waits, and about mail that comes: standing rules.

Table: `lever_rules`. A rule pauses what it matches, or sends it another way, from the second it is made until it is
ended, whatever restarts in between. Delivery asks `Levers` before every attempt: rules are in memory, read anew each
second, so that they cost nothing while there are none. Invariant: nothing stays held by a rule that has ended: holding
is one transaction with a look at the rule, and what is left behind all the same is released by `sweep`. Mail of an
account that sends nothing (disabled, closed, without the feature) is held in the same way, without a rule.
"""

from .records import PAUSE, REROUTE, BadLever, Filter, Rule, Target
from .rules import SECONDS, Levers, Subject, matches
from .service import create, end, one, rules, stands, stopped, sweep

__all__ = [
    "PAUSE",
    "REROUTE",
    "SECONDS",
    "BadLever",
    "Filter",
    "Levers",
    "Rule",
    "Subject",
    "Target",
    "create",
    "end",
    "matches",
    "one",
    "rules",
    "stands",
    "stopped",
    "sweep",
]
