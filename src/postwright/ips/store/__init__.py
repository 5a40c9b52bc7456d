"""SQL of addresses and pools."""
