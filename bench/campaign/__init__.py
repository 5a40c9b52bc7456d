"""A fault campaign: a real server dies at every failpoint and at random under load, and a ledger of what it accepted.

`ledger` says what came of each recipient, `load` sends, `rounds` kills. See `__main__` for how to run it.
"""

from .rounds import Campaign, failpoints

__all__ = ["Campaign", "failpoints"]
