"""Why something is not done with a suppression list."""

from postwright.kernel.errors import Refused


class NotListed(Refused):
    """The list has no such entry."""

    status = 404


class BadEntry(Refused):
    """What should be added cannot be an entry."""


class BatchTooLarge(Refused):
    """More entries than one call may add."""

    message = "Batch size should be less than 1000"


class BadCsv(Refused):
    """The file is no CSV with the columns of the list."""
