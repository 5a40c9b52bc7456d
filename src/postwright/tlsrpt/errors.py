"""Refusals of TLS reporting."""

from postwright.kernel.errors import Refused


class NotTheOperator(Refused):
    """What the installation saw as a whole is for whoever runs it: the first account."""

    status = 403
    message = "Only the account that runs this installation may read TLS results"
