"""Why something is not done with a tag."""

from postwright.kernel.errors import Refused


class TagNotFound(Refused):
    """There is no such tag."""

    status = 404
    message = "Tag not found"


class BadTag(Refused):
    """What was asked for cannot be done with a tag."""
