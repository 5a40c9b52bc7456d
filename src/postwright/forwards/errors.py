"""Why a forward is not made or not found."""

from postwright.kernel.errors import Refused


class ForwardNotFound(Refused):
    """The account, or the domain that is named, has no such forward."""

    status = 404
    message = "Forward not found"


class BadForward(Refused):
    """The pattern or a destination cannot be used."""


class TooManyForwards(Refused):
    """The domain has as many forwards as it may."""

    message = "Too many forwards, max is 1000000"
