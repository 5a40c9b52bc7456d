"""Domains over HTTP, and what they have."""

from .credentials import CONTROLLERS as CREDENTIALS
from .domains import CONTROLLERS as DOMAINS

CONTROLLERS = (*DOMAINS, *CREDENTIALS)
