"""Why a route is not made or not found; the texts are those that programs written for Mailgun know."""

from postwright.kernel.errors import Refused


class RouteNotFound(Refused):
    """The account has no such route, or none matches."""

    status = 404
    message = "Route not found"


class BadRoute(Refused):
    """The expression, an action or another field cannot be used."""


class TooManyRoutes(Refused):
    """The account has as many routes as it may."""

    message = "Too many routes, max is 5000"
