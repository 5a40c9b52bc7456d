"""Tracking: links and pixels that tell us, unsubscribe links, and the pages behind them.

Tables: `engagements`, `tracking_journals`. Writes the events `opened`, `clicked` and `unsubscribed`. A first open or
click of a message, a recipient and a kind of client in seven days has the member `i-unique`, decided once, when the
event is appended, so that statistics are sums. An answered hit survives the death of the process (journal.py).

`make_plan` decides, while a message is accepted, what is tracked; `Copy` makes each recipient's copy when it is sent;
`tokens` has what links carry.
"""

from .places import Places
from .plan import Plan, Wish, has_variables
from .plan import make as make_plan
from .recorder import Recorder, expire
from .rewriting import Copy
from .service import take_mail_unsubscribe
from .store import forget_domain
from .tokens import Tokens

__all__ = [
    "Copy",
    "Places",
    "Plan",
    "Recorder",
    "Tokens",
    "Wish",
    "expire",
    "forget_domain",
    "has_variables",
    "make_plan",
    "take_mail_unsubscribe",
]
