"""Domains over HTTP, and what they have."""

from .checks import CONTROLLERS as CHECKS
from .credentials import CONTROLLERS as CREDENTIALS
from .domains import CONTROLLERS as DOMAINS
from .keys import CONTROLLERS as KEYS
from .queue import CONTROLLERS as QUEUE
from .rotation import CONTROLLERS as ROTATION

CONTROLLERS = (*DOMAINS, *CREDENTIALS, *KEYS, *ROTATION, *CHECKS, *QUEUE)
