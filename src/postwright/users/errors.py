"""What is refused about people and sessions."""

from collections.abc import Mapping

from postwright.kernel.errors import Refused


class NoSuchUser(Refused):
    """The account has no user of that id."""

    status = 404
    message = "No such user exists"


class NotAUser(Refused):
    """The credentials belong to a program, not to a person."""

    status = 403
    message = "Incompatible key for this endpoint"


class BadUser(Refused):
    """A user cannot be made or changed like this; the text says why."""


class EmailTaken(Refused):
    """Somebody signs in with this address already."""

    status = 409
    message = "A user with this email address exists"


class BadSignIn(Refused):
    """Address and password, or the code, do not fit."""

    status = 401
    message = "Email or password is not correct"


class NoPublicUrl(Refused):
    """Nobody told the server how links that it mails begin."""

    status = 503
    message = "No link can be mailed: the operator of this server has to set POSTWRIGHT_PUBLIC_URL"


class CodeRequired(Refused):
    """The password is right, and the user has a second factor."""

    status = 401
    message = "A code of your authenticator, or a recovery code, is required"

    def __init__(self) -> None:
        super().__init__(code_required=True)


class BadCode(Refused):
    """The code is not the one of now, or was used before."""

    status = 401
    message = "The code is not correct"

    def __init__(self) -> None:
        super().__init__(code_required=True)


class TooManyAttempts(Refused):
    """Too many failed attempts from there, or for this address."""

    status = 429
    message = "Too many attempts, please try again later"
    headers: Mapping[str, str] = {"retry-after": "60"}


class BadLink(Refused):
    """The link was used, is too old, or never was one."""

    status = 404
    message = "This link is not valid any more"


class WrongPassword(Refused):
    """The current password is not the given one."""

    status = 403
    message = "The password is not correct"


class BadPassword(Refused):
    """The new password is too short or too long."""

    message = "A password must have 10 to 256 characters"


class NotEnrolled(Refused):
    """There is no second factor to confirm or to renew."""

    status = 409
    message = "Two-factor authentication is not set up"


class AlreadyEnrolled(Refused):
    """A second factor is in use already."""

    status = 409
    message = "Two-factor authentication is active already"
