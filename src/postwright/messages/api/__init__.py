"""The HTTP door of messages: sending, stored messages, queues."""

from .explaining import Explaining
from .queues import Envelopes, Queue
from .sending import Sending
from .stored import Stored

CONTROLLERS = (Sending, Explaining, Stored, Queue, Envelopes)
