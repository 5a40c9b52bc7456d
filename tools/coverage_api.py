"""Print how much of the API works, by group: `make coverage-api`.

python tools/coverage_api.py [OPERATIONS_TOML]
"""

import sys
import tomllib
from collections import Counter
from pathlib import Path

CONTRACT = Path(__file__).parents[1] / "contract" / "operations.toml"


def table(path: Path) -> str:
    """The table: works, planned and all operations of each group, then of all groups."""
    operations = tomllib.loads(path.read_text(encoding="utf-8"))["operation"]
    total = Counter(str(operation["group"]) for operation in operations)
    works = Counter(str(operation["group"]) for operation in operations if operation["state"] == "works")
    rows = [(group, works[group], total[group] - works[group], total[group]) for group in sorted(total)]
    rows.append(("all", works.total(), total.total() - works.total(), total.total()))
    width = max(len(group) for group, *_ in rows)
    lines = [f"{'group':<{width}}  works  planned  total"]
    lines += [f"{group:<{width}}  {done:>5}  {todo:>7}  {both:>5}" for group, done, todo, both in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(Path(sys.argv[1]) if len(sys.argv) > 1 else CONTRACT))
