"""Checks of addresses."""

import dns.reversename


def reverse_name(address: str) -> str:
    """Where DNS keeps the name of an address (RFC 1035 §3.5, RFC 3596 §2.5)."""
    return dns.reversename.from_address(address).to_text()
