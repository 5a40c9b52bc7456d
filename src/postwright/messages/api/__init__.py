"""The HTTP door of messages: sending, stored messages, queues."""

from .queues import Envelopes, Queue
from .sending import Sending
from .stored import Stored

CONTROLLERS = (Sending, Stored, Queue, Envelopes)
