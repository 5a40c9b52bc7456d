"""Tables of alerts."""

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table, Text

from postwright.kernel.db import Micros, metadata
from postwright.kernel.db.calls import call_table

alert_settings = Table(
    "alert_settings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("targets", LargeBinary, nullable=False),  # JSON of records.Targets
    Column("disabled_at", Micros, nullable=False),
    Column("created_at", Micros, nullable=False),
    Index("ix_alert_settings_account", "account_id", "event_type"),
)

alert_accounts = Table(
    "alert_accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("signing_key", LargeBinary, nullable=False),  # sealed
    Column("slack_token", LargeBinary),  # sealed; null: not connected
    Column("slack_team_id", Text),
    Column("slack_team_name", Text),
    Column("slack_scope", Text),
)


alert_calls = call_table(
    "alert_calls",
    Column("id", Micros, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    Column("setting_id", Text, nullable=False),  # "": to the account's owner
    Column("channel", Text, nullable=False),
    Column("target", Text, nullable=False),  # a URL, an address, or the id of a Slack channel
    Column("data", LargeBinary, nullable=False),  # JSON of the event
    Index("ix_alert_calls_setting", "setting_id"),
    sqlite_autoincrement=True,
)

send_alerts = Table(
    "send_alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="send_alert"),  # or limit_threshold
    Column("name", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("comparator", Text, nullable=False),
    Column("limit", Text, nullable=False),
    Column("dimension", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("channels", LargeBinary, nullable=False),  # JSON
    Column("filters", LargeBinary, nullable=False),  # JSON
    Column("created_at", Micros, nullable=False),
    Column("updated_at", Micros, nullable=False),
    Column("last_checked", Micros, nullable=False, index=True),
    Index("ix_send_alerts_account_name", "account_id", "kind", "name", unique=True),
)

alert_hits = Table(
    "alert_hits",
    metadata,
    Column("id", Text, primary_key=True),
    Column("alert_id", Text, nullable=False),
    Column("dimension_value", Text, nullable=False),
    Column("triggered", Boolean, nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("updated_at", Micros, nullable=False, index=True),
    Column("expires_at", Micros, nullable=False),
    Column("latest_value", Text, nullable=False),
    Index("ix_alert_hits_alert", "alert_id", "dimension_value"),
)
