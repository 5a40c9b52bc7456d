"""Telling people that something needs them: thresholds on rates, and what else an account wants to be told of.

Tables: `alert_settings` (who is told of what, on which channel), `alert_accounts` (signing key and Slack token, both
sealed), `alert_calls` (one row for an alert and a receiver), `send_alerts` (thresholds), `alert_hits` (thresholds that
are or were passed, one row for each value of their dimension).

- `announce` writes the calls in the caller's transaction; `AlertSender` makes them under a lease, on its schedule, and
  puts out of use what failed for the whole of it. At least once.
- E-mail of alerts goes straight from here to the receiver's server, past the queue that may be the trouble.
- `Evaluator` judges each threshold once a minute, whichever process comes first; a hit is told once and then silent
  until it has been over for as long as the threshold looks back.
"""

from .evaluator import Evaluator
from .mailer import Mailer
from .sender import AlertSender
from .service import announce

__all__ = ["AlertSender", "Evaluator", "Mailer", "announce"]
