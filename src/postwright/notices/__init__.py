"""Mail of the installation itself to people: invitations, confirmations, warnings.

Table: `notices`. What makes a notice necessary adds it in its own transaction; a worker (`apps`) sends it through
the same way in as every other message and removes it. Its text, which may hold a link that works once, is sealed
while it waits. A notice is sent at least once, tried for three days, and then given up.
"""

from .records import Notice
from .service import add, any_due, claim, done, failed

__all__ = ["Notice", "add", "any_due", "claim", "done", "failed"]
