"""The letters that a pattern needs are in every text it matches; backtracking has an end over all patterns."""

import re
import time
import warnings

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from postwright.kernel.patterns import BadPattern, Budget, Pattern, literal


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"(.*)-x7@one\.example\.com", "-x7@one.example.com"),
        ("^Sales@.*", "sales@"),
        ("bobs?@x", "bob"),
        ("ab{0,3}c", "a"),
        ("ab+cd", "cd"),
        ("a|b", ""),
        ("(a|b)cde[fg]", ""),
        ("(?P<user>.*)@(?:x|y)\\.test", ".test"),
        ("(?i)abc", ""),
        ("(?x) a b", ""),
        (r"\x41bc", ""),
        (r"\d+abc\w", "abc"),
        (r"(\Qab\E)c", ""),
        ("", ""),
    ],
)
def test_letters_it_needs(pattern: str, expected: str) -> None:
    assert literal(pattern) == expected


_WORDS = "a B c . * + ? | ( ) (?: (?= (?! [ab] \\. \\d {0,1} {2} {,2} ^ $ @ - \\b \\1 (?P<n> 1 { } \\("
_PIECES = st.sampled_from(_WORDS.split())


@given(st.lists(_PIECES, max_size=8).map("".join), st.text("aAbBc.@-1({", max_size=10))
@hypothesis_settings(max_examples=400, deadline=None)
@example("a{,2}b", "b")
@example("a{b", "a{b")
@example("a**b", "b")
@example("(a)?b", "b")
@example("a+?b", "ab")
def test_a_match_has_them(pattern: str, text: str) -> None:
    try:
        compiled = Pattern(pattern)
    except BadPattern:
        return
    bare = Pattern(pattern)
    bare._literal = ""
    for run in ("match", "search"):
        assert getattr(compiled, run)(text) == getattr(bare, run)(text)
    # Python's own engine finds a match in the same texts, as far as it knows the pattern.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            known = re.compile(pattern, re.IGNORECASE)
    except re.error:
        return
    if known.search(text):
        assert literal(pattern) in text.lower()


def test_backtracking_has_an_end_over_all_patterns() -> None:
    evil = [Pattern(r"(?=a)(a+)+$\1?b") for _ in range(30)]
    budget = Budget(0.05)
    begun = time.monotonic()
    for pattern in evil:
        pattern.match("a" * 5000 + "!b", budget)
    assert time.monotonic() - begun < 0.5 and budget.left < 0
