"""Regular expressions that users give: none of them can hold up the server.

RE2 matches in time linear in the text, but knows no look-around, back-references and `\\Z`. Patterns with these,
which Python programs send, go to a backtracking engine that stops at a time limit. Decision 0031.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
import re2
import regex

MAX_PATTERN = 4000  # characters: an expression has no more (behaviour.md 10.2)
MAX_TEXT = 20_000  # characters of a text that are looked at
MAX_MEMORY = 1 << 20  # octets a compiled pattern may take; a{1000}{1000} would take all there is
BACKTRACK_SECONDS = 0.02  # of one match in the backtracking engine
CACHED = 20_000  # compiled patterns kept
_NO_OCTETS = regex.compile(r"[\ud800-\udfff\0]")


class BadPattern(ValueError):
    """The text is no regular expression we can run; the message says why, for people."""


class Match(msgspec.Struct, frozen=True):
    """What the groups of a pattern caught. A group that took no part is empty."""

    groups: tuple[str, ...] = ()
    named: Mapping[str, str] = {}


class Pattern:
    """A compiled pattern, case-insensitive. Raises BadPattern."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN:
            raise BadPattern(f"a pattern has at most {MAX_PATTERN} characters")
        if _NO_OCTETS.search(text):
            raise BadPattern("NUL or a lone surrogate is no character")
        self.text = text
        self._match: Callable[[str], Any]
        self._search: Callable[[str], Any]
        try:
            compiled = re2.compile(text, _options())
        except re2.error as unknown:
            slow = _backtracking(text, unknown)
            self._match = lambda text: slow.match(text, timeout=BACKTRACK_SECONDS)
            self._search = lambda text: slow.search(text, timeout=BACKTRACK_SECONDS)
        else:
            self._match, self._search = compiled.match, compiled.search

    def match(self, text: str) -> Match | None:
        """Match at the beginning of `text`, like `re.match`. Taking too long is no match."""
        return _found(self._match, text)

    def search(self, text: str) -> Match | None:
        """Match anywhere in `text`, like `re.search`. Taking too long is no match."""
        return _found(self._search, text)


def _found(run: Callable[[str], Any], text: str) -> Match | None:
    try:
        # A lone surrogate has no octets, which RE2 works on.
        found = run(text[:MAX_TEXT].encode("utf-8", "replace").decode())
    except TimeoutError:
        return None
    if found is None:
        return None
    named = {name: value or "" for name, value in found.groupdict().items()}
    return Match(tuple(group or "" for group in found.groups()), named)


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    return options


def _backtracking(text: str, first: Exception) -> Any:
    reason = first.args[0] if first.args else "not a regular expression"
    shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    if shown.startswith(("bad repetition", "invalid repetition", "pattern too large")):
        raise BadPattern(shown)  # the other engine would take it, and all our memory
    try:
        return regex.compile(text, regex.IGNORECASE | regex.V0, cache_pattern=False)
    except (regex.error, RecursionError, OverflowError, MemoryError, ValueError, KeyError, IndexError):
        raise BadPattern(shown) from first


@lru_cache(maxsize=CACHED)
def compiled(text: str) -> Pattern:
    """The pattern of a text, kept ready. Raises BadPattern."""
    return Pattern(text)
