"""The page on security claims nothing without a test: those that it names exist, and no section is without one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"^- `(tests/.+\.py)::(\w+)`$", PAGE, re.M)
# Sections that claim nothing.
WORDS = {"Who is an attacker here", "Known gaps"}


def sections() -> dict[str, str]:
    """Headings and the text directly below each; a heading that only groups others has none."""
    parts = re.split(r"^#{2,3} (.+)$", PAGE, flags=re.M)[1:]
    return {title: text for title, text in zip(parts[::2], parts[1::2], strict=True) if text.strip()}


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(
        each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) == PAGE.count("`tests/") > 100
    assert [f"{file}::{name}" for file, name in NAMED if name not in functions(file)] == []


@pytest.mark.parametrize("title", sections())
def test_every_section_has_a_test(title: str) -> None:
    has = re.search(r"^- `tests/.+\.py::test_\w+`$", sections()[title], re.M) is not None
    assert has != (title in WORDS)
