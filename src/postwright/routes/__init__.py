"""Routes: what an account does with mail that comes in.

Table: `routes`, and `route_revisions`, a number for each account that every change moves, by which processes know
that the routes they hold compiled are still true. A route is an expression about a message (`expressions`) and
actions (`actions`). All routes of an account are looked at in order of priority until one with stop() matches.
`Router` answers for one recipient; carrying the actions out is the business of inbound mail.
"""

from .actions import Action, Forward, Store
from .matching import Hit, Router
from .records import Route
from .service import forget_account

__all__ = ["Action", "Forward", "Hit", "Route", "Router", "Store", "forget_account"]
