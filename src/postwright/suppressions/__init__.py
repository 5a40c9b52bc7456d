"""Who must not be written to: bounces, complaints, unsubscribes; and who is exempt from the first of them.

Tables: `suppressions` (three lists in one), `allowlist`. Reads the events `failed` and `complained`: hard
bounces and complaints enter their lists by themselves, unless the recipient is on the allowlist. Delivery asks
`refusal` in the transaction in which an attempt begins. Addresses are compared in lower case, a domain's lists are
its own.
"""

from .projector import SuppressionProjection
from .service import Refusal, forget_domain, refusal, resubscribe, unsubscribe

__all__ = ["Refusal", "SuppressionProjection", "forget_domain", "refusal", "resubscribe", "unsubscribe"]
