"""The reference says something about everything there is."""

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec

from postwright.events import EVENT_NAMES
from postwright.kernel import metrics
from postwright.kernel.settings import Settings
from tools import openapi, reference

ROOT = Path(__file__).parents[2]


def rows(page: str) -> dict[str, list[str]]:
    """The tables' rows by their first cell."""
    found = re.findall(r"^\| `(.+?)` \| (.*) \|$", page, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in found}


def test_every_operation_setting_event_and_metric_is_described() -> None:
    pages = reference.pages()
    described = rows(pages["settings.md"])
    for field in msgspec.structs.fields(Settings):
        assert described[f"POSTWRIGHT_{field.name.upper()}"][-1], f"the setting {field.name} has no comment"
    assert set(rows(pages["events.md"])) == EVENT_NAMES
    told = rows(pages["metrics.md"])
    for family in metrics.families():
        assert told[family.name][-1], family.name
    document: Any = asyncio.run(openapi.document())
    operations = rows(pages["operations.md"])
    served = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert {name for name in served if name.split()[0] in ("GET", "POST", "PUT", "PATCH", "DELETE")} == set(
        operations
    )
    assert all(cells[0] for cells in operations.values())


def test_comments_of_settings_are_those_above_and_behind() -> None:
    source = """class Settings:
    a: str = ""  # one
    # above
    # it
    b: str = (
        ""  # two
    )
    c: int = 1
"""
    assert reference.comments(source) == {"a": "one", "b": "above it two", "c": ""}


def test_every_page_of_the_site_is_there() -> None:
    named = re.findall(r"^\s+- (?:\w+: )?([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    made = {f"reference/{name}" for name in reference.pages()}
    assert named and not [page for page in named if page not in made and not (ROOT / "docs" / page).exists()]
