"""Why something is not done with an alert."""

from postwright.kernel.errors import Refused


class BadAlert(Refused):
    """An alert cannot be what was asked for."""


class AlertNotFound(Refused):
    """There is no such alert."""

    status = 404
    message = "Alert not found"


class NameTaken(Refused):
    """The account has an alert of that name."""

    status = 409
    message = "An alert with this name already exists"


class Undelivered(Refused):
    """A test alert did not reach its receiver; the text says why."""


class NoSlack(Refused):
    """Slack is not connected."""

    status = 404
    message = "Slack is not connected"


class NoChannel(Refused):
    """Slack knows no such channel, or does not show it to us."""

    status = 404
    message = "Slack channel not found"
