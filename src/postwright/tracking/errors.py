"""Why tracking settings are not changed."""

from postwright.kernel.errors import Refused


class BadTracking(Refused):
    """A tracking setting cannot be what was asked for."""
