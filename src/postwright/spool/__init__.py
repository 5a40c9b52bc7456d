"""Message bytes: small ones in the store, large ones in files.

Table: `bodies`. Invariant: a body exists once its message does. A large body is written, synced and renamed
*before* the transaction that names it; a file that no transaction came to name is an orphan and is swept.
"""

from .copying import copy_bodies, missing_bodies
from .spool import Blob, Spool

__all__ = ["Blob", "Spool", "copy_bodies", "missing_bodies"]
