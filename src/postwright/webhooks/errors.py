"""Why something is not done with a webhook, in the shapes of the services that answer (behaviour.md 9.3)."""

from postwright.kernel.errors import Refused


class BadWebhook(Refused):
    """A webhook cannot be what was asked for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, Reason=reason)


class BadField(Refused):
    """One field of a request is wrong."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(f"{field}: {value}", Field=field, Value=value)


class WebhookNotFound(Refused):
    """There is no such webhook."""

    status = 404

    def __init__(self, description: str = "Webhook not found") -> None:
        super().__init__(description, Description=description)


class WebhookConflict(Refused):
    """Too many URLs for a type, or the same one twice."""

    status = 409

    def __init__(self, description: str) -> None:
        super().__init__(description, Description=description)


class CallNotFound(Refused):
    """The account has no such call, or it is too long ago."""

    status = 404
    message = "No such call: calls are kept for seven days"
