"""What a move did, for people and for programs."""

from collections import Counter
from collections.abc import Callable
from typing import Any

COPIED, THERE, BEFORE, WOULD, LEFT, FAILED = "copied", "there", "before", "would copy", "left", "failed"
MAX_NOTES = 10_000


class Report:
    """Counts by kind, and what a person must know. `tell` is told of progress."""

    def __init__(self, tell: Callable[[str], None] = lambda line: None) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self.notes: list[dict[str, str]] = []
        self.tell = tell

    def count(self, kind: str, outcome: str, many: int = 1) -> None:
        """Some items of a kind came to an outcome."""
        self._counts.setdefault(kind, Counter())[outcome] += many

    def note(self, kind: str, item: str, outcome: str, why: str) -> None:
        """An item was left, or failed, and why."""
        self.count(kind, outcome)
        if len(self.notes) < MAX_NOTES:
            self.notes.append({"kind": kind, "item": item, "outcome": outcome, "why": why})
        if outcome == FAILED:
            self.tell(f"  failed: {kind} {item}: {why}")

    @property
    def failures(self) -> int:
        """How many items failed: the next run tries them again."""
        return sum(counts[FAILED] for counts in self._counts.values())

    def summary(self) -> dict[str, Any]:
        """All of it, for a JSON file."""
        return {"counts": {kind: dict(counts) for kind, counts in self._counts.items()}, "notes": self.notes}

    def lines(self) -> list[str]:
        """A table, and then what was left or failed."""
        columns = [
            name
            for name in (COPIED, WOULD, THERE, BEFORE, LEFT, FAILED)
            if any(counts[name] for counts in self._counts.values())
        ]
        rows = [["", *columns]]
        rows += [[kind, *(f"{counts[name]:,}" for name in columns)] for kind, counts in self._counts.items()]
        widths = [max(len(row[n]) for row in rows) for n in range(len(columns) + 1)]
        made = [
            "  ".join(
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        told = [f"{note['outcome']}: {note['kind']} {note['item']}: {note['why']}" for note in self.notes]
        return [*made, "", *told] if told else made
