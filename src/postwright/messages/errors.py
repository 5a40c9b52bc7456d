"""Why a message is not accepted; the texts are those that programs written for Mailgun know."""

from postwright.kernel.errors import Refused


class BadParameter(Refused):
    """A field of the request is missing or cannot be what it says."""

    smtp = (550, "5.6.0")


class NoRecipients(Refused):
    """Nobody to send to."""

    message = "to parameter is missing"
    smtp = (554, "5.5.1")


class TooManyRecipients(Refused):
    """More recipients than one call may have."""

    message = "Too many recipients, max is 1000"
    smtp = (452, "4.5.3")


class OptionsTooLarge(Refused):
    """The o:, h:, v: and t: values together are too large."""

    message = "Send options (parameters starting with o:, h:, v:, or t:) are limited to 16 kB total"
    smtp = (552, "5.3.4")


class MessageTooLarge(Refused):
    """The message is over 25 MB."""

    status = 413
    message = "request size exceeds 52.4MiB limit"
    smtp = (552, "5.3.4")


class Looping(Refused):
    """The message went through so many servers that it must be going round."""

    message = "Too many Received headers: the message is in a loop"
    smtp = (554, "5.4.6")


class SendingRefused(Refused):
    """The domain may not send, or not this."""

    status = 403
    smtp = (550, "5.7.1")


class MessageNotFound(Refused):
    """No stored message has this key (any more)."""

    status = 404
    message = "Message not found"
