"""Patterns of forwards: every pattern that matches an address is found under one of the address's keys."""

import fnmatch

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from postwright.forwards.matching import BadMatch, key, keys, matches, parse


@pytest.mark.parametrize(
    ("pattern", "address", "expected"),
    [
        ("bob@example.com", "bob@example.com", True),
        ("bob@example.com", "BOB@Example.Com", True),
        ("bob@example.com", "bobby@example.com", False),
        ("*@example.com", "anybody@example.com", True),
        ("*@example.com", "a@b.example.com", False),
        ("*@*.example.com", "a@b.c.example.com", True),
        ("*@*.example.com", "a@example.com", False),
        ("sales-*@example.com", "sales-bob@example.com", True),
        ("sales-*@example.com", "sales@example.com", False),
        ("*-sales@example.com", "bob-sales@example.com", True),
        ("a*b*c@example.com", "a1b2c@example.com", True),
        ("a*b*c@example.com", "abc@example.com", True),
        ("a*b*c@example.com", "acb@example.com", False),
        ("ab*ba@example.com", "aba@example.com", False),
        ("a.b@example.com", "axb@example.com", False),  # nothing but * is special
        ("a?@example.com", "ab@example.com", False),
        ("*middle*@example.com", "in-the-middle-of@example.com", True),
    ],
)
def test_what_matches(pattern: str, address: str, expected: bool) -> None:
    parsed, _ = parse(pattern)
    assert matches(parsed, address) is expected
    assert not expected or key(parsed) in keys(address)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "full address"),
        ("*", "full address"),
        ("bob", "full address"),
        ("@example.com", "full address"),
        ("bob@", "domain"),
        ("bob@*", "wildcard"),
        ("bob@exa*ple.com", "wildcard"),
        ("bob@*.*.com", "wildcard"),
        ("bob@*example.com", "wildcard"),
        ("bo b@example.com", "local part"),
        ("a@b@example.com", "local part"),
        ("x" * 321 + "@example.com", "320"),
        ("*a" * 11 + "@example.com", "10 wildcards"),
        ("bob@exam ple.com", "domain"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadMatch) as refused:
        parse(text)
    assert said in str(refused.value)


def test_the_domain_of_a_pattern() -> None:
    assert parse("Bob@Example.COM") == ("bob@example.com", "example.com")
    assert parse("**@*.Bücher.example") == ("*@*.xn--bcher-kva.example", "xn--bcher-kva.example")


_LOCAL = st.text("abc.-*", min_size=1, max_size=12)


@hypothesis_settings(deadline=None)  # the machine may be busy
@given(_LOCAL, st.text("abc.-", min_size=1, max_size=12))
@example("*", "a")
@example("a*a", "a")
@example("*abcab*", "aabcab")
def test_what_matches_is_found_by_its_key(local: str, other: str) -> None:
    try:
        pattern, _ = parse(f"{local}@example.com")
    except BadMatch:
        return
    address = f"{other}@example.com"
    # The slow and obvious way.
    expected = fnmatch.fnmatchcase(address, pattern)
    assert matches(pattern, address) is expected
    assert not expected or key(pattern) in keys(address)
    filled = pattern.replace("*", "b")
    assert matches(pattern, filled) and key(pattern) in keys(filled)


@hypothesis_settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=60))
@example("\ud800@x.com")
@example("a@*.\x00")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        pattern, _ = parse(text)
    except BadMatch:
        return
    matches(pattern, "bob@example.com")
    assert key(pattern)
