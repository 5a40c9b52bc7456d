"""Why a question is refused."""

from postwright.kernel.errors import Refused


class BadQuery(Refused):
    """A question that cannot be understood."""


class Busy(Refused):
    """Too many questions wait already."""

    status = 503
    message = "Too many analytics queries at once, please try again"
    headers = {"retry-after": "1"}


class TooLong(Refused):
    """The question needs more time or memory than one may take."""

    message = "The query takes too long: choose a shorter time between 'start' and 'end', or fewer dimensions"


class Behind(Refused):
    """The table does not hold yet what happened a while ago."""

    status = 503
    message = "Analytics are catching up with events, please try again later"
    headers = {"retry-after": "30"}


class NoSuchToken(BadQuery):
    """A paging token that we did not make."""

    message = "Invalid paging token"


class BadRetention(Refused):
    """Days that cannot be."""

    def __init__(self, most: int) -> None:
        super().__init__(f"'days' parameter is invalid: 0 (as long as possible) to {most} expected")


class NotYourPlan(Refused):
    """Plans are not set by those they are for."""

    status = 403
    message = "Only the account that runs this installation, or the one above a subaccount, may set a plan"
