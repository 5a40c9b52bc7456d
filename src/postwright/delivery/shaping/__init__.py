"""How fast we may be, and towards whom: sites, providers, limits, and what replies teach.

A site is the set of MX hosts that domains share (`names`). What holds for it comes from a table (`shaping.toml`, and
the operator's own file) by `policy`; `limits` keeps rates and connections within it, `reactions` reads replies, and
`board` holds what was suspended for a while: in the store, so that all processes know and a restart forgets nothing.
Owns the table `suspensions`.
"""

from .board import Board, Suspension
from .limits import Gates, Slot
from .names import site_name
from .policy import Policy, Shaping
from .policy import load as load_shaping
from .reactions import Reactions, numeric_wait

__all__ = [
    "Board",
    "Gates",
    "Policy",
    "Reactions",
    "Shaping",
    "Slot",
    "Suspension",
    "load_shaping",
    "numeric_wait",
    "site_name",
]
