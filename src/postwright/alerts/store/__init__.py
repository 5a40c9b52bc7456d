"""SQL of alerts: settings and keys, calls, thresholds and their hits."""

from postwright.kernel.db.calls import Calls

from ..tables import alert_calls

calls = Calls(
    alert_calls,
    ("id", "account_id", "setting_id", "channel", "target", "data", "attempts", "lease_token"),
)
