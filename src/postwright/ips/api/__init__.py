"""Addresses and pools over HTTP."""

from . import addresses, domains, pools, subaccounts

CONTROLLERS = (
    *addresses.CONTROLLERS,
    *domains.CONTROLLERS,
    *pools.CONTROLLERS,
    *subaccounts.CONTROLLERS,
)
