"""The delivery journal: every attempt for every recipient, and every wait that was no attempt.

Table: `attempts`, append only, kept as long as events. A record is written in the transaction of the outcome it tells
of, so that there is none without the other. Beside the few columns it is found by it is one compact blob (MessagePack)
that nothing but this folder reads. Records of a message are found by its number, which the event log knows for a
Message-Id: no index of names has to be kept while sending.
"""

from .records import DELAYED, Record
from .schemas import ReplyShown, moment
from .service import MessageNotFound, expire, forget_domain, last, note, note_all, numbers, page

__all__ = [
    "DELAYED",
    "MessageNotFound",
    "Record",
    "ReplyShown",
    "expire",
    "forget_domain",
    "last",
    "moment",
    "note",
    "note_all",
    "numbers",
    "page",
]
