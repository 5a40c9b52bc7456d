"""Who changed what, when, from where: a record of every change, written in the transaction of the change itself.

Table: `audit` (append only, until retention). Invariants: a change that was taken back leaves no record, a record
never holds a secret (members whose names say so are blanked), and is bounded in size. Whoever changes something
calls `record` in its own transaction.
"""

from .records import Actor, Entry
from .service import actions_after, actor, expire, head, record

__all__ = ["Actor", "Entry", "actions_after", "actor", "expire", "head", "record"]
