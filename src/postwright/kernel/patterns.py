"""Regular expressions that users give: none of them can hold up the server.

RE2 matches in time linear in the text, but knows no look-around, back-references and `\\Z`. Patterns with these,
which Python programs send, go to a backtracking engine that stops at a time limit. Decision 0031.
"""

import time
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


class Budget:
    """How long the backtracking engine may work for one purpose, over all patterns."""

    def __init__(self, seconds: float = 0.1) -> None:
        self.left = seconds


class Pattern:
    """A compiled pattern, case-insensitive. Raises BadPattern."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN:
            raise BadPattern(f"a pattern has at most {MAX_PATTERN} characters")
        if _NO_OCTETS.search(text):
            raise BadPattern("NUL or a lone surrogate is no character")
        self.text = text
        self._literal = literal(text)
        self._match: _Run
        self._search: _Run
        try:
            compiled = re2.compile(text, _options())
        except re2.error as unknown:
            slow = _backtracking(text, unknown)
            self._match, self._search = _timed(slow.match), _timed(slow.search)
        else:
            self._match = lambda text, budget: compiled.match(text)
            self._search = lambda text, budget: compiled.search(text)

    def match(self, text: str, budget: Budget | None = None) -> Match | None:
        """Match at the beginning of `text`, like `re.match`. Taking too long is no match."""
        return self._found(self._match, text, budget)

    def search(self, text: str, budget: Budget | None = None) -> Match | None:
        """Match anywhere in `text`, like `re.search`. Taking too long is no match."""
        return self._found(self._search, text, budget)

    def _found(self, run: "_Run", text: str, budget: Budget | None) -> Match | None:
        text = text[:MAX_TEXT]
        if text.isascii():
            # Most patterns match few texts, and a look for letters costs a hundredth of a match.
            if self._literal and self._literal not in text.lower():
                return None
        else:  # a lone surrogate has no octets, which RE2 works on
            text = text.encode("utf-8", "replace").decode()
        return _caught(run(text, budget or Budget()))


_Run = Callable[[str, Budget], Any]


def _timed(run: Callable[..., Any]) -> _Run:
    def timed(text: str, budget: Budget) -> Any:
        begun = time.monotonic()
        try:
            return run(text, timeout=min(BACKTRACK_SECONDS, budget.left)) if budget.left > 0 else None
        except TimeoutError:
            return None
        finally:
            budget.left -= time.monotonic() - begun

    return timed


def _caught(found: Any) -> Match | None:
    if found is None:
        return None
    named = {name: value or "" for name, value in found.groupdict().items()}
    return Match(tuple(group or "" for group in found.groups()), named)


_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@-_ !#%&'/,:;<=>~\"`")
_ESCAPED = frozenset(".+-@_*?()[]{}|^$/#&!=<>~,:;%'\"` ")


def literal(pattern: str) -> str:
    """Letters (lower case) that are in every ASCII text the pattern matches; "" when it cannot be told easily.

    Reads only what is plain in any dialect, and takes nothing from groups, choices and repetitions.
    """
    best = run = ""
    at, end = 0, len(pattern)
    while at < end:
        char = pattern[at]
        at += 1
        if char == "\\" and at < end and pattern[at] in _ESCAPED:
            char = pattern[at]
            at += 1
        elif char == "\\" and at < end and pattern[at] in "dDwWsSbB":
            at += 1
            char = ""
        elif char in "^$.":
            char = ""
        elif char == "(":
            if pattern.startswith(
                ("?i", "?s", "?m", "?x", "?u", "?a", "?L", "?f", "?r", "?b", "?e", "?V", "?-"), at
            ):
                return ""  # flags may change what all the rest means
            at = _behind_group(pattern, at)
            if at < 0:
                return ""
            char = ""
        elif char not in _PLAIN:
            return ""
        follows = pattern[at] if at < end else ""
        if follows in ("*", "?", "{", "+"):
            # The last letter may be absent, or come several times.
            best, run = max(best, run, key=len), ""
            while at < end and pattern[at] in "*?+{":
                if pattern[at] == "{":
                    at = pattern.find("}", at)
                    if at < 0:
                        return ""
                at += 1
        elif char:
            run += char
        else:
            best, run = max(best, run, key=len), ""
    return max(best, run, key=len).lower()


def _behind_group(pattern: str, at: int) -> int:
    """Where the group ends whose parenthesis stands before `at`; -1 when that cannot be told easily."""
    depth = 1
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            return -1
        if char == "\\":
            if at + 1 < len(pattern) and pattern[at + 1] in "QE":
                return -1
            at += 1
        depth += {"(": 1, ")": -1}.get(char, 0)
        at += 1
        if depth == 0:
            return at
    return -1


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
