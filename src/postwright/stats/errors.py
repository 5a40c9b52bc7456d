"""Why statistics are refused."""

from postwright.kernel.errors import Refused


class BadStats(Refused):
    """What is asked for cannot be counted."""
