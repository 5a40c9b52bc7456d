"""Carrying out what routes and forwards order for received mail, and passing bounces of forwarded mail back.

Table: `inbound_calls`, one row for a POST that is to be made. Handlers of `arrivals`: for each recipient one
transaction holds the events (`accepted` with its routes, `stored`), the calls to URLs, and the queued copy for
addresses. The caller makes the calls (retries, 406, giving up; events `delivered`, `failed`). A copy for addresses is
the message as it came, below an ARC seal and a Delivered-To field that shows a loop; its envelope sender is rewritten
(SRS) so that bounces come here and `Returns` passes them back.
"""

from .caller import InboundCaller
from .handlers import Forwarding, Returns, Routing
from .relay import Relay
from .store import calls

forget_domain = calls.forget_domain

__all__ = ["Forwarding", "InboundCaller", "Relay", "Returns", "Routing", "forget_domain"]
