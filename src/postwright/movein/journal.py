"""What was copied, in a file of lines: each is on the disk before what follows it is begun."""

import json
import os
from pathlib import Path


class OtherMove(Exception):
    """The journal is of a move between other accounts."""


class Journal:
    """The journal in a file; None keeps nothing, for dry runs."""

    def __init__(self, path: Path | None, source: str, target: str) -> None:
        self._path = path
        self._done: set[str] = set()
        self._places: dict[str, str] = {}
        self._file = -1
        if path is None:
            return
        lines = self._read(path)
        head = {"from": source, "into": target}
        if lines and lines[0] != head:
            raise OtherMove(
                f"{path} is the journal of a move from {lines[0].get('from')} into {lines[0].get('into')}; "
                "give another with --journal"
            )
        for line in lines[1:]:
            if "done" in line:
                self._done.add(line["done"])
            elif "list" in line:
                self._places[line["list"]] = line["next"]
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if not lines:
            self._add(head)

    @staticmethod
    def _read(path: Path) -> list[dict[str, str]]:
        """Its lines. One that was being written when the power went is cut off."""
        if not path.exists():
            return []
        raw = path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if whole != raw:
            with path.open("r+b") as file:
                file.truncate(len(whole))
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
        except ValueError as wrong:
            raise OtherMove(f"{path} is no journal of a move") from wrong
        if not all(isinstance(line, dict) for line in lines):
            raise OtherMove(f"{path} is no journal of a move")
        return lines

    def is_done(self, item: str) -> bool:
        """Whether an item was copied."""
        return item in self._done

    def finish(self, item: str) -> None:
        """An item is copied."""
        self._done.add(item)
        self._add({"done": item})

    def place(self, name: str) -> str:
        """Where the next page of a list begins; "" when none was copied."""
        return self._places.get(name, "")

    def reach(self, name: str, following: str) -> None:
        """A page of a list is copied; the next one begins at `following`."""
        self._places[name] = following
        self._add({"list": name, "next": following})

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _add(self, line: dict[str, str]) -> None:
        if self._file >= 0:
            os.write(self._file, (json.dumps(line) + "\n").encode())
            os.fsync(self._file)
