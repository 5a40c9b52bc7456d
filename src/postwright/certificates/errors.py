"""Refusals of certificates. Their bodies are those of the service that clients know: `Reason` or `Description`."""

from postwright.kernel.errors import Refused


class _Reason(Refused):
    def __init__(self, reason: str | None = None, hint: str = "") -> None:
        self.reason = self.message if reason is None else reason
        super().__init__(hint or self.reason, Reason=self.reason)


class _Described(Refused):
    def __init__(self, description: str | None = None) -> None:
        super().__init__(description, Description=self.message if description is None else description)


class BadAlias(_Reason):
    """The host's CNAME does not lead here."""

    message = "invalid CNAME record"


class NotOffered(_Reason):
    """This installation obtains no certificates."""

    status = 402
    message = "upgrade your account to enable this feature"


class CertificateNotFound(_Described):
    """No certificate was asked for, or the host is no tracking host of the account."""

    status = 404
    message = "x509 cert not found"


class AlreadyThere(_Described):
    """There is one already, or one is being obtained."""

    status = 409


class InProgress(_Described):
    """The certificate is being obtained."""

    status = 429
