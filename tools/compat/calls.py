"""What came of a client's calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_NOTE = 300


@dataclass(frozen=True)
class Call:
    """One call, and what was wrong with it."""

    call: str
    ok: bool
    note: str = ""


@dataclass
class Client:
    """A client and its calls."""

    name: str
    about: str
    calls: list[Call] = field(default_factory=list)

    def call(
        self, name: str, work: Callable[[], Any], holds: Callable[[Any], object] = lambda found: True
    ) -> Any:
        """Make a call; it works when nothing was raised and what came back holds."""
        try:
            found = work()
            good = bool(holds(found))
        except Exception as wrong:
            self.calls.append(Call(name, False, f"{type(wrong).__name__}: {wrong}"[:MAX_NOTE]))
            return None
        self.calls.append(Call(name, good, "" if good else f"unexpected: {found!r}"[:MAX_NOTE]))
        return found
