"""Addresses and pools over HTTP."""

from . import addresses, domains, dynamic, pools, subaccounts, warmups

CONTROLLERS = (
    *addresses.CONTROLLERS,
    *domains.CONTROLLERS,
    *dynamic.CONTROLLERS,
    *pools.CONTROLLERS,
    *subaccounts.CONTROLLERS,
    *warmups.CONTROLLERS,
)
