"""Why something is not done with a domain."""

from collections.abc import Mapping

from postwright.kernel.errors import Refused


class DomainNotFound(Refused):
    """The account has no such domain."""

    status = 404
    message = "Domain not found"
    smtp = (550, "5.7.1")


class BadDomain(Refused):
    """A setting of a domain cannot be what was asked for."""


class NameTaken(Refused):
    """Somebody in this installation has the name."""

    message = "This domain name is already taken"


class BadPassword(Refused):
    """Not a password we take."""

    message = "Password is too short. It must be between 5 and 32 characters."


class BadLogin(Refused):
    """Not a login that can be made."""


class CredentialsNotFound(Refused):
    """The domain has no such login."""

    status = 404
    message = "Credentials not found"


class SystemMailbox(Refused):
    """The login belongs to the system."""


class SandboxStays(Refused):
    """The sandbox domain cannot be deleted."""

    status = 403
    message = "Sandbox domains cannot be deleted"


class DisabledStays(Refused):
    """A disabled domain cannot be deleted: what is under investigation stays."""

    status = 403
    message = "Disabled domains cannot be deleted"


class TooManyChecks(Refused):
    """Verification was asked for too often."""

    status = 429
    message = "Too Many Requests"

    def __init__(self, seconds: int) -> None:
        super().__init__(None, **{"retry-seconds": seconds})
        # Official clients wait that long and try again (behaviour.md 19).
        self.headers: Mapping[str, str] = {"retry-after": str(seconds)}
