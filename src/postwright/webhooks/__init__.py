"""Telling customers what happened: signed POSTs to their URLs.

Tables: `webhooks`, `webhook_types` (who wants to know what), `webhook_calls` (one row for an event and a URL). A
projection of the event log writes the calls, in the transaction that moves its cursor; the sender makes them under
a lease, signing each attempt afresh. At least once: a sender that dies between the answer and its record calls
again. A URL is told of an event once, however many levels name it.
"""

from .projector import WebhookProjection
from .sender import WebhookSender, release_all
from .service import forget_domain, readings

__all__ = ["WebhookProjection", "WebhookSender", "forget_domain", "readings", "release_all"]
