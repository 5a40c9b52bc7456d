"""What was delivered, posted to the URL that the message or its domain names (`o:archive-to`, `archive_to`).

Table: `archive_calls`, one row for a POST; the delivered octets wait in the spool under the row's number. Both are
written in the transaction that records the delivery, so that each delivery is told once it happened, whatever dies.
A call is retried by the schedule of webhooks and given up at its end, or at 406.
"""

from .caller import ArchiveCaller
from .service import add, forget_domain

__all__ = ["ArchiveCaller", "add", "forget_domain"]
