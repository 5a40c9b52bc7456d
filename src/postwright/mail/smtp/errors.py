"""How sending fails."""

from .replies import Answer


class ConnectError(Exception):
    """No connection, or nothing that greets like an SMTP server: nothing was sent."""


class Disconnected(Exception):
    """The connection was lost, or timed out, at `stage`.

    `after_dot`: the whole message had been written, so that the server may have it although it did not say so.
    """

    def __init__(self, stage: str, *, after_dot: bool = False, reason: str = "") -> None:
        self.stage, self.after_dot = stage, after_dot
        super().__init__(f"connection lost at {stage}" + (f": {reason}" if reason else ""))


class SmtpError(Exception):
    """The server refused `command`."""

    def __init__(self, reply: Answer) -> None:
        self.reply, self.command = reply, reply.command
        super().__init__(f"{reply.code} {reply.enhanced} {reply.text}")
