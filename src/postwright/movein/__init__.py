"""Moving in: what a Mailgun account holds is copied through its API into ours, and answers of both are compared.

No tables: both sides are reached through the API that they share, so that this runs on any machine that reaches both.
What was copied stands in a journal file, one line an item or page, synced before the next: a run that was killed goes
on where it was. Every write may happen twice and changes nothing the second time. Invariants: the source is only read;
a dry run writes nowhere; the key of one side never goes to the other.
"""

from .client import Account, Failed
from .copying import KINDS, Copier
from .journal import Journal, OtherMove
from .report import Report
from .shadow import Shadow

__all__ = ["KINDS", "Account", "Copier", "Failed", "Journal", "OtherMove", "Report", "Shadow"]
