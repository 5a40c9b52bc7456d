"""Why something is not done with a domain."""

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


class BadKey(Refused):
    """A DKIM key cannot be what was asked for."""


class KeyNotFound(Refused):
    """The authority has no key under the selector."""

    status = 404
    message = "domain key not found"


class BadRotation(Refused):
    """Keys cannot take turns in this way (in the shape of the service that answers, behaviour.md 13.4)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, Reason=reason)


class NothingRotates(Refused):
    """The account has no such domain, or it has no automatic sender security."""

    status = 404

    def __init__(self) -> None:
        super().__init__("domain not found", Description="domain not found")


class NotTheOperator(Refused):
    """What customers' records lead to is kept by whoever runs the installation: the first account."""

    status = 403
    message = "Only the account that runs this installation may read its zone"
