"""Tags: what an account and each of its domains have marked messages with, since when, and until when.

Tables: `tags` (one row for an account's tag, and one for each domain that uses it). A projection of the event log
writes them; figures of tags are not here but in `analytics`, counted from the same events.
Invariants: tags differ by their letters, not by case, and keep the spelling they were first seen with. Behind the
limit new tags are not listed any more; messages carry them and figures count them all the same. A deleted tag comes
back when it is used again.
"""

from .errors import BadTag, TagNotFound
from .projector import TagProjection
from .records import Tag
from .service import change, find, forget_domain, need, remove

__all__ = [
    "BadTag",
    "Tag",
    "TagNotFound",
    "TagProjection",
    "change",
    "find",
    "forget_domain",
    "need",
    "remove",
]
