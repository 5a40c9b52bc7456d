"""The capture inbox: where all mail goes on an instance that sends nothing out, and the developer's sandbox.

Tables: `captured`, `capture_rules`, `capture_tries`, `capture_acts`. Delivery reaches it over real SMTP, on a loopback
port of its own, so that a captured message has been built, signed and handed over like any other. Its recipients follow
scripts (scripts.py): what they refuse is refused over SMTP, and what they do later comes in through the doors it would
come through in life (acting.py). All under `/postwright/v1/capture/`, with the clock that tests move.
"""

from .acting import Actor
from .schemas import Query
from .service import page
from .smtp import CapturePolicy

__all__ = ["Actor", "CapturePolicy", "Query", "page"]
