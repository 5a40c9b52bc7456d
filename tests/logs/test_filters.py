"""Field expressions: what they mean, and that nonsense is refused and nothing else happens."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.logs import filters
from postwright.logs.errors import BadFilter

EVENT = {
    "event": "failed",
    "severity": "permanent",
    "recipient": "Bob@Example.net",
    "tags": ["Newsletter", "two words"],
    "message": {
        "headers": {
            "to": "Bob <Bob@Example.net>, carol@example.com",
            "from": '"Ann, of Acme" <ann@acme.test>',
            "subject": "Big news: the  NEW catalogue (draft)",
            "message-id": "20260101.abc@mg.acme.test",
        },
        "attachments": [{"filename": "Price List.pdf", "size": 10}, {"size": 2}],
        "recipients": ["bob@example.net", "carol@example.com"],
        "size": 1500,
    },
    "mailing-list": {"address": "all@lists.acme.test"},
    "user-variables": {"order": "A-17", "n": "5"},
}


@pytest.mark.parametrize(
    ("field", "text", "found"),
    [
        ("event", "failed", True),
        ("event", "FAILED", True),
        ("event", "fail", False),
        ("event", "accepted OR failed", True),
        ("event", "accepted or failed", False),  # keywords are upper case: three words
        ("event", "NOT accepted", True),
        ("event", "NOT failed", False),
        ("event", "accepted OR delivered OR opened", False),
        ("event", "(accepted OR failed) AND NOT delivered", True),
        ("event", "accepted OR failed AND delivered", False),  # AND binds tighter
        ("event", "(accepted OR failed) delivered", False),
        ("severity", "permanent", True),
        ("recipient", "bob@example.net", True),
        ("recipient", "bob", True),
        ("recipient", "example.net", True),
        ("recipient", "example", False),
        ("recipient", "ob@example.net", False),
        ("recipient", "carol@example.com", False),
        ("recipients", "carol@example.com", True),
        ("to", "carol@example.com", True),
        ("to", "bob@example.net", True),
        ("to", "dave", False),
        ("from", "ann", True),
        ("from", '"ann, of acme"', True),
        ("subject", "news", True),
        ("subject", "new news", True),
        ("subject", "news AND old", False),
        ("subject", "draft", False),  # "(draft)": the word has parentheses, which terms cannot have
        ("subject", '"(draft)"', True),
        ("subject", '"the new"', True),
        ("subject", '"new the"', False),
        ("subject", '"NEWS:" NOT "old"', True),
        ("subject", 'news"the"', True),
        ("subject", '""', True),
        ("message-id", "20260101.abc@mg.acme.test", True),
        ("message-id", "<20260101.ABC@mg.acme.test>", True),
        ("message-id", "20260101.abc", True),
        ("tags", "newsletter", True),
        ("tags", '"two words"', True),
        ("tags", "one", False),
        ("list", "all@lists.acme.test", True),
        ("attachment", "list.pdf", True),
        ("attachment", '"price list.pdf"', True),
        ("size", "1500", True),
        ("size", "150", False),
        ("size", ">1000", True),
        ("size", "> 1000 < 2000", True),
        ("size", ">1000 AND <1200", False),
        ("size", "<1000 OR >1400", True),
        ("size", "NOT >1500", True),
        ("size", ">1.4e3", True),
        ("order", "a-17", True),
        ("order", "A-18", False),
        ("n", "5", True),
        ("nothing", "5", False),
        ("nothing", "NOT 5", True),
    ],
)
def test_meaning(field: str, text: str, found: bool) -> None:
    node = filters.parse(field, text)
    assert filters.matches(node, filters.values(field, EVENT)) is found


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("event", "OR"),
        ("event", "AND accepted"),
        ("event", "accepted OR"),
        ("event", "accepted AND"),
        ("event", "accepted OR OR failed"),
        ("event", "NOT"),
        ("event", "NOT NOT failed"),
        ("event", "(accepted"),
        ("event", "accepted)"),
        ("event", "()"),
        ("event", ""),
        ("event", "   "),
        ("subject", '"open'),
        ("subject", 'a "b" "'),
        ("size", "big"),
        ("size", "> big"),
        ("size", ">"),
        ("size", "> > 5"),
        ("size", '>"5"'),
        ("event", "(" * 21 + "a" + ")" * 21),
        ("event", "a " * 201),
        ("event", "a" * 4097),
    ],
)
def test_refused(field: str, text: str) -> None:
    with pytest.raises(BadFilter) as refused:
        filters.parse(field, text)
    assert refused.value.text.startswith(f"Invalid value for '{field}': ")


def test_limits_are_not_too_small() -> None:
    assert filters.parse("event", "(" * 20 + "a" + ")" * 20)
    assert filters.parse("event", "a " * 200)
    assert filters.parse("event", "a" * 4096)


PIECES = st.sampled_from(
    ["AND", "OR", "NOT", "(", ")", '"', ">", "<", " ", "a", "7", "1e999", "nan", "-", "@", "\u0130", "\ud800"]
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(PIECES, max_size=30).map(" ".join),
    st.lists(PIECES, max_size=30).map("".join),
)
FIELDS = st.sampled_from([*sorted(filters.FIELDS), "order"])


@given(FIELDS, TEXTS)
def test_every_text_has_a_meaning_or_is_refused(field: str, text: str) -> None:
    try:
        node = filters.parse(field, text)
    except BadFilter:
        return
    for event in (EVENT, {}, {"message": {}, "user-variables": "cut off"}):
        assert filters.matches(node, filters.values(field, event)) in (True, False)


WORDS = st.sampled_from(["one", "two", "three"])
TREES: Any = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


def spelt(tree: Any) -> str:
    match tree:
        case str():
            return tree
        case "not", part:
            return f"NOT ({spelt(part)})"
        case "and", parts:
            return " ".join(f"({spelt(part)})" for part in parts)
        case _, parts:
            return " OR ".join(f"({spelt(part)})" for part in parts)


def judged(tree: Any, words: set[str]) -> bool:
    match tree:
        case str():
            return tree in words
        case "not", part:
            return not judged(part, words)
        case "and", parts:
            return all(judged(part, words) for part in parts)
        case _, parts:
            return any(judged(part, words) for part in parts)


@given(TREES, st.sets(WORDS))
def test_logic(tree: Any, words: set[str]) -> None:
    node = filters.parse("tags", spelt(tree))
    assert filters.matches(node, sorted(words)) is judged(tree, words)
