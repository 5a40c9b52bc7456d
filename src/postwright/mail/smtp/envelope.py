"""What is said before a message, as far as the server can hear it (RFC 5321, 1870, 6152, 6531)."""

from collections.abc import Sequence

from .facts import Capabilities
from .replies import Answer


def cannot(capabilities: Capabilities, size: int, *, smtputf8: bool) -> Answer | None:
    """The refusal that the server would give, known before asking it."""
    if smtputf8 and "SMTPUTF8" not in capabilities:
        # RFC 6531 §3.2: such a message must not go to a server that does not say it can.
        return Answer(550, "5.6.7", "The server does not support internationalised mail (SMTPUTF8)", "MAIL")
    limit = capabilities.get("SIZE", "")
    if limit.isdecimal() and 0 < int(limit) < size:
        return Answer(552, "5.3.4", f"The server takes messages of {limit} bytes at most", "MAIL")
    return None


def envelope(
    capabilities: Capabilities, sender: str, recipients: Sequence[str], data: bytes, *, smtputf8: bool
) -> list[bytes]:
    """MAIL, RCPT for each recipient, and DATA. Raises ValueError."""
    mail = f"MAIL FROM:<{sender}>"
    if "SIZE" in capabilities:
        mail += f" SIZE={len(data)}"
    if "8BITMIME" in capabilities and not data.isascii():
        mail += " BODY=8BITMIME"
    if smtputf8:
        mail += " SMTPUTF8"
    commands = [mail, *(f"RCPT TO:<{recipient}>" for recipient in recipients), "DATA"]
    if any("\r" in command or "\n" in command for command in commands):
        raise ValueError("an address must not contain line breaks")
    return [f"{command}\r\n".encode() for command in commands]
