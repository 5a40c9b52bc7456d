"""Why the capture inbox refuses."""

from postwright.kernel.errors import Refused


class NotCaptured(Refused):
    """No such captured message."""

    status = 404
    message = "Captured message not found"


class NothingCame(Refused):
    """No message that matches came in time."""

    status = 404


class TooManyWait(Refused):
    """Too many requests wait for messages already."""

    status = 429
    message = "Too many requests wait for messages; let some of them end"


class BadSearch(Refused):
    """A search that cannot be."""


class BadRule(Refused):
    """A rule that cannot be."""


class RuleNotFound(Refused):
    """No such rule."""

    status = 404
    message = "Rule not found"


class NotCapturing(Refused):
    """What is asked for is for tests, and mail leaves this installation."""

    status = 403
    message = "Only in capture mode (POSTWRIGHT_DELIVERY=capture), where no mail leaves the machine"


class BadMove(Refused):
    """A time the clock cannot be moved to."""


class NothingWaits(Refused):
    """The clock cannot be moved to what is due next when nothing is."""

    status = 409
    message = "Nothing waits for its time"
