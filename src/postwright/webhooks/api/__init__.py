"""Webhooks over HTTP: of a domain by type (v3) and by URL (v4), and of the account (v1)."""

from .account import AccountHooks, OneAccountHook
from .calls import Calls, Fired
from .domain import ByType, ByUrl

CONTROLLERS = (ByType, ByUrl, AccountHooks, OneAccountHook, Fired, Calls)
