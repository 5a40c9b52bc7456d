"""Suppressions over HTTP."""

from .allowlist import AllowlistEntries, AllowlistEntry
from .lists import CONTROLLERS as LISTS

CONTROLLERS = (*LISTS, AllowlistEntries, AllowlistEntry)
