"""Getting messages to the recipients' servers.

Claims due rows of the queue, builds and signs each copy, sends it over SMTP outside any transaction, and records
what came of it: the queue row's next state and its event, in one transaction. Writes events `delivered` and
`failed`. Invariant: nothing is sent under a lease that was not confirmed just before.
"""

from .destinations import Destinations, Host, Unroutable
from .outcome import ambiguous_seconds, release_all
from .shaping import Shaping, load_shaping
from .shaping.policy import ShapingError
from .sources import Source, Sources
from .store import active as suspensions
from .worker import Delivery

__all__ = [
    "Delivery",
    "Destinations",
    "Host",
    "Shaping",
    "ShapingError",
    "Source",
    "Sources",
    "Unroutable",
    "ambiguous_seconds",
    "load_shaping",
    "release_all",
    "suspensions",
]
