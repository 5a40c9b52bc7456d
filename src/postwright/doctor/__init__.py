"""Whether an installation can do its work: what is looked at, what is wrong, and how to put it right.

No table. A look takes what it needs from DNS, from the machine and from the store, at the moment it is asked; it
changes nothing. Each line of a report is `pass`, `warn` or `fail`, and says what to do when it is not `pass`.
"""

from .report import Line, Status
from .service import Doctor

__all__ = ["Doctor", "Line", "Status"]
