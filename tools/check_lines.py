"""Check that no Python file is longer than 400 lines.

    python tools/check_lines.py [FOLDER…]

A file that outgrows the limit becomes a folder of the same name, split by what its parts are about.
"""

import sys
from pathlib import Path

LIMIT = 400
FOLDERS = ("src", "tests", "tools", "bench")


def too_long(folders: list[Path]) -> list[tuple[Path, int]]:
    """The Python files below the folders with more lines than allowed, and how many they have."""
    files = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    counted = ((path, path.read_bytes().count(b"\n")) for path in files)
    return [(path, lines) for path, lines in counted if lines > LIMIT]


def main(arguments: list[str]) -> int:
    """Check the folders named in the arguments, or this project's."""
    root = Path(__file__).parents[1]
    found = too_long([Path(name) for name in arguments] or [root / name for name in FOLDERS])
    for path, lines in found:
        print(f"{path}: {lines} lines, {LIMIT} are allowed")
    print(f"lines: {len(found)} files too long" if found else f"lines: no file has more than {LIMIT}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
