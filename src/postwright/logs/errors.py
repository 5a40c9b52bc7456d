"""Why a search is refused."""

from postwright.kernel.errors import Refused


class BadFilter(Refused):
    """A filter that cannot be understood."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"Invalid value for '{field[:100]}': {problem}")


class BadRange(Refused):
    """Times that contradict each other."""
