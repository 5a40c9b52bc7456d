"""Tracking: links and pixels that tell us, unsubscribe links, and the pages behind them.

`make_plan` decides, while a message is accepted, what is tracked; `Copy` makes each recipient's copy when it is sent;
`tokens` has what links carry.
"""

from .plan import Plan, Wish, has_variables
from .plan import make as make_plan
from .rewriting import Copy
from .tokens import Tokens

__all__ = ["Copy", "Plan", "Tokens", "Wish", "has_variables", "make_plan"]
