"""Aggregate reports that others send about our domains: DMARC (RFC 7489) and TLS (RFC 8460).

They come as mail to `dmarc-reports@<domain>` and `tls-reports@<domain>`, the addresses to publish as `rua`.
Table: `received_reports`. Invariants: a report is kept once, however often it comes; only one about the domain it was
sent to, or a relative of it, is kept; a domain keeps so many, and each for so long.
"""

from .handler import AggregateReports
from .service import expire, forget_domain

__all__ = ["AggregateReports", "expire", "forget_domain"]
