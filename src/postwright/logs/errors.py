"""Why a search is refused."""

from postwright.kernel.errors import Refused


class BadFilter(Refused):
    """A filter that cannot be understood."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"Invalid value for '{field[:100]}': {problem}")


class BadRange(Refused):
    """Times that contradict each other."""


class TooBroad(Refused):
    """A filter that lets nothing through for too long."""

    def __init__(self, scanned: int) -> None:
        super().__init__(f"No match among {scanned} events: choose a shorter time between 'begin' and 'end'")
