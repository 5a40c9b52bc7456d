"""Addresses and pools over HTTP."""

from . import addresses, checks, domains, dynamic, pools, subaccounts, warmups

CONTROLLERS = (
    *addresses.CONTROLLERS,
    *checks.CONTROLLERS,
    *domains.CONTROLLERS,
    *dynamic.CONTROLLERS,
    *pools.CONTROLLERS,
    *subaccounts.CONTROLLERS,
    *warmups.CONTROLLERS,
)
