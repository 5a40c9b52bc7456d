"""The capture inbox and the developer's sandbox over HTTP."""

from .clock import TheClock
from .inbox import Inbox
from .rules import Rules

CONTROLLERS = (Inbox, Rules, TheClock)
