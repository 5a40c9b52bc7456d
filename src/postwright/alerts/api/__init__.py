"""Alerts over HTTP."""

from .settings import AlertSettings
from .slack import SlackAlerts
from .tests import AlertTests
from .thresholds import LimitThresholds, SendAlerts

CONTROLLERS = (AlertSettings, AlertTests, SlackAlerts, SendAlerts, LimitThresholds)
