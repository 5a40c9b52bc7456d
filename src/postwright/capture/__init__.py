"""The capture inbox: where all mail goes on an instance that sends nothing out.

Table: `captured`. Delivery reaches it over real SMTP, on a loopback port of its own, so that a captured message
has been built, signed and handed over like any other. It is read back under `/postwright/v1/capture/`.
"""

from .schemas import Query
from .service import page
from .smtp import CapturePolicy

__all__ = ["CapturePolicy", "Query", "page"]
