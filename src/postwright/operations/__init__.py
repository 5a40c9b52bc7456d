"""What operators see and do: the queue, why a message is where it is, and the levers.

Owns no tables: it looks at those of queue, journal, levers and events, and acts through them. Writes the event `failed`
for what is cancelled. Long work goes in small transactions, each whole in itself: whatever dies in between, what was
done is done, recorded and told, and the rest is as it was. Every act is in the audit log.
"""

from .overview import overview, readings
from .selection import NOT_HELD, Choice, Finder, Selection, select
from .verbs import Operator, Report, chosen_rules, for_requeue, for_resume, target
from .why import Reason, why

__all__ = [
    "NOT_HELD",
    "Choice",
    "Finder",
    "Operator",
    "Reason",
    "Report",
    "Selection",
    "chosen_rules",
    "for_requeue",
    "for_resume",
    "overview",
    "readings",
    "select",
    "target",
    "why",
]
