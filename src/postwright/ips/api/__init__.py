"""Addresses and pools over HTTP."""

from . import addresses, domains, pools, subaccounts, warmups

CONTROLLERS = (
    *addresses.CONTROLLERS,
    *domains.CONTROLLERS,
    *pools.CONTROLLERS,
    *subaccounts.CONTROLLERS,
    *warmups.CONTROLLERS,
)
