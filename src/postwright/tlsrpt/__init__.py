"""SMTP TLS reporting (RFC 8460): what became of encryption, counted by day and told to whoever asks for it.

Tables: `tls_results` (sessions by day, policy and outcome), `tls_reports` (what was told, or is to be). No events.
Delivery counts in memory and adds up in the store now and then: a process that dies loses at most the last half
minute of counts. Each domain gets at most one report a day, for the day before, by every way its TXT record names;
a report that could not be handed over is tried again, and may then come twice under one Report-ID.
"""

from .collector import Collector
from .records import RETENTION_DAYS, Outcome, Policy
from .reporter import Reporter

__all__ = ["RETENTION_DAYS", "Collector", "Outcome", "Policy", "Reporter"]
