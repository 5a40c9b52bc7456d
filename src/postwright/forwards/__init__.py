"""Forwards: address patterns of a domain and where mail for them goes; a simpler and larger sibling of routes.

Table: `forwards`. A rule belongs to the domain its pattern ends in. All rules that match a recipient apply; each
destination gets the message once. A look-up costs a number of index probes that grows with the length of the
address, not with the number of rules (`matching`).
"""

from .service import STORE_ONLY, Rule, forget_account, forget_domain, matching

__all__ = ["STORE_ONLY", "Rule", "forget_account", "forget_domain", "matching"]
