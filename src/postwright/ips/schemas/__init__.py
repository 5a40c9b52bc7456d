"""Requests and replies of the operations on addresses and pools."""
