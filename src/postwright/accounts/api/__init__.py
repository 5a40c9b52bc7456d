"""Accounts over HTTP."""

from .account import CONTROLLERS as ACCOUNT
from .allowlist import CONTROLLERS as ALLOWLIST
from .keys import CONTROLLERS as KEYS
from .limits import CONTROLLERS as LIMITS
from .recipients import CONTROLLERS as RECIPIENTS
from .subaccounts import CONTROLLERS as SUBACCOUNTS

CONTROLLERS = (*KEYS, *ACCOUNT, *SUBACCOUNTS, *LIMITS, *ALLOWLIST, *RECIPIENTS)
