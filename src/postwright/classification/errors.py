"""Why a question about failures is refused."""

from postwright.kernel.errors import Refused


class BadClassification(Refused):
    """What is asked for cannot be counted."""


class Gone(Refused):
    """The operation does not exist any more; another one does its work."""

    status = 410
    message = "This endpoint is gone: use POST /v1/analytics/logs"
