"""The result of looking at a message."""

import msgspec

from postwright.arrivals import Spam, Verdict


class Findings(msgspec.Struct, frozen=True):
    """What was found out about a message, and the fields that tell it, to stand above our Received field."""

    verdict: Verdict = Verdict()
    spam: Spam | None = None
    fields: list[tuple[str, str]] = []
