"""The expression grammar: what it means, what it refuses and where, and that nothing makes it hang."""

import time

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from postwright.kernel.patterns import BadPattern, Match, Pattern
from postwright.routes.expressions import BadExpression, Subject, parse

HEADERS = {"subject": ["Weekly report", "second"], "x-tag": ["blue"]}


def holds(
    text: str, recipient: str = "Bob@Example.com", before: bool = False, headers: bool = True
) -> bool | None:
    return parse(text).evaluate(Subject(recipient, HEADERS if headers else None, before)).holds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('match_recipient("bob@example.com")', True),
        ("match_recipient('.*@example.com')", True),
        ('match_recipient("ob@")', False),  # anchored at the start
        ('match_recipient("bob")', True),  # and only there
        ('match_recipient("^bob@example\\.com$")', True),
        ('match_recipient("(?!bob).*")', False),  # look-ahead: the other engine
        ('match_recipient("(.)o\\\\1@")', False),
        ('match_header("subject", "report")', True),  # found anywhere
        ('match_header("SUBJECT:", "^second$")', True),  # in any header of the name
        ('match_header("subject", "^report")', False),
        ('match_header("none", ".*")', False),
        ("catch_all()", True),
        ('not match_recipient("x")', True),
        ('match_recipient("b") and match_header("x-tag", "blue")', True),
        ('match_recipient("b") AND match_header("x-tag", "red")', False),
        ('match_recipient("x") or match_header("x-tag", "blue")', True),
        ('match_recipient("x") and match_recipient("x") or catch_all()', True),  # and binds closer
        ('match_recipient("x") and (match_recipient("x") or catch_all())', False),
        ('not (match_recipient("x") OR not catch_all())', True),
        (r'match_recipient("bob@example.com|\"x\"")', True),
        (r"match_recipient('it\'s|bob')", True),
    ],
)
def test_meaning(text: str, expected: bool) -> None:
    assert holds(text) is expected


def test_catch_all_is_true_only_when_nothing_matched_before() -> None:
    assert holds("catch_all()", before=True) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('match_header("subject", "x")', None),
        ('not match_header("subject", "x")', None),
        ('match_header("subject", "x") and match_recipient("bob")', None),
        ('match_header("subject", "x") and match_recipient("eve")', False),
        ('match_header("subject", "x") or match_recipient("bob")', True),
        ('match_header("subject", "x") or match_recipient("eve")', None),
    ],
)
def test_headers_not_known_yet(text: str, expected: bool | None) -> None:
    assert holds(text, headers=False) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the expression is empty"),
        ("   ", "the expression is empty"),
        ("match_recipient", "expected '(' at character 16, found the end"),
        ("match_recipient(", "expected a text in quotes at character 17, found the end"),
        ('match_recipient("a"', "expected ')' at character 20, found the end"),
        ('match_recipient("a', "the text that begins at character 17 has no closing quote"),
        ("match_recipient(abc)", "expected a text in quotes at character 17, found 'abc'"),
        ('match_recipent("a")', "expected match_recipient, match_header or catch_all at character 1"),
        ('match_header("a")', "expected ',' at character 17, found ')'"),
        ('match_header("", "a")', "the name of a header is empty at character 14"),
        ('catch_all("x")', "expected ')' at character 11"),
        ('catch_all() match_recipient("a")', "expected 'and', 'or' or the end at character 13"),
        (
            "catch_all() and",
            "expected match_recipient, match_header or catch_all at character 16, found the end",
        ),
        ("catch_all())", "expected 'and', 'or' or the end at character 12"),
        ('match_recipient("(")', "bad regular expression at character 17: missing )"),
        ('catch_all() & match_recipient("x")', "unexpected '&' at character 13"),
        ("(" * 51 + "catch_all()" + ")" * 51, "nested deeper than 50 levels"),
        ("not " * 52 + "catch_all()", "nested deeper than 50 levels"),
        (" or ".join(["catch_all()"] * 201), "more than 200 terms at character 3001"),
        ('match_recipient("' + "a" * 4000 + '")', "at most 4000 characters"),
    ],
)
def test_refusals_say_where(text: str, said: str) -> None:
    with pytest.raises(BadExpression) as refused:
        parse(text)
    assert said in str(refused.value)


def test_captures() -> None:
    def captures(text: str) -> Match:
        return parse(text).evaluate(Subject("bob@example.com", HEADERS)).captures

    assert captures('match_recipient("(.*)@(?P<host>.*)")') == Match(
        ("bob", "example.com"), {"host": "example.com"}
    )
    # Numbers are of the first pattern with groups, names of all.
    both = (
        'match_recipient("bob") and match_header("x-tag", "(?P<tag>.*)") and match_recipient("(.)(?P<tag>.)")'
    )
    assert captures(both) == Match(("blue",), {"tag": "blue"})
    assert captures('match_recipient("(eve)?")') == Match(("",), {})
    assert captures('not not match_recipient("(bob)")') == Match()


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*b", r"(?=a)(a+)+\1$", r"(?!b)(?:a|a)*c", "(.*)(.*)(.*)(.*)(.*)=", "(?=x)?(a*)*b"],
)
def test_no_pattern_takes_long(pattern: str) -> None:
    """A backtracking engine needs longer than the sun will shine for each of these."""
    compiled = Pattern(pattern)
    begun = time.monotonic()
    compiled.match("a" * 10_000 + "!")
    compiled.search("a" * 10_000 + "!")
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "pattern", ["a{500}{500}{500}", "((a{100}){100}){100}", "(?:x{1000}){1000}", "(" * 3000]
)
def test_no_pattern_takes_all_memory(pattern: str) -> None:
    with pytest.raises(BadPattern):
        Pattern(pattern)


_PIECES = st.sampled_from(
    [
        "match_recipient",
        "match_header",
        "catch_all",
        "(",
        ")",
        ",",
        '"a"',
        "'.*'",
        "and",
        "or",
        "not",
        " ",
        '"',
        "\\",
        "(",
    ]
)


@hypothesis_settings(deadline=None)  # the machine may be busy
@given(
    st.one_of(
        st.text(max_size=80), st.lists(_PIECES, max_size=30).map(" ".join), st.lists(_PIECES).map("".join)
    )
)
@example('match_recipient("\\")')
@example('match_recipient("\\\\")')
@example('match_recipient("\ud800")')
@example('match_header("\x00", "(?P<\x00>)")')
@example("(" * 4000)
@example("not" * 1000)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parsed = parse(text)
    except BadExpression as refused:
        assert str(refused)
    else:
        parsed.evaluate(Subject("bob@example.com", HEADERS))
        parsed.evaluate(Subject("bob@example.com", None))


@hypothesis_settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=40), st.text(max_size=40))
@example("(?P<a>.)(?P<a>.)", "ab")
@example("(?R)", "a")
@example("[[:alpha:]--a]", "a")
def test_any_pattern_runs_or_is_refused(pattern: str, text: str) -> None:
    try:
        compiled = Pattern(pattern)
    except BadPattern:
        return
    compiled.match(text)
    compiled.search(text)
