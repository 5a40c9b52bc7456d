"""Field expressions (behaviour.md 6.4): `event=accepted OR delivered`, `subject="big news" NOT draft`, `size=>1000`.

    expr := or;  or := and {"OR" and};  and := not {["AND"] not};  not := ["NOT"] atom
    atom := "(" expr ")" | '"' phrase '"' | ">" number | "<" number | term

A term matches a whole word of the field, or either side of an address in it; a phrase matches anywhere. Case does
not matter. Keywords are upper case.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from .errors import BadFilter

MAX_LENGTH = 4096  # characters of an expression
MAX_TOKENS = 200
MAX_DEPTH = 20  # of parentheses
NUMERIC = frozenset(("size",))
_TOKENS = re.compile(r'\s*(?:([()])|"([^"]*)"|([^\s()"]+))')
_NUMERIC_TOKENS = re.compile(r'\s*(?:([()<>])|"([^"]*)"|([^\s()"<>]+))')
_EDGES = ".,;:!?'<>[]{}"


class Term(msgspec.Struct, frozen=True):
    """A word."""

    word: str


class Phrase(msgspec.Struct, frozen=True):
    """A text to be found as it is."""

    text: str


class Compare(msgspec.Struct, frozen=True):
    """Larger or smaller than a number."""

    larger: bool
    number: float


class Not(msgspec.Struct, frozen=True):
    """The opposite."""

    part: "Node"


class AllOf(msgspec.Struct, frozen=True):
    """Every part."""

    parts: "list[Node]"


class AnyOf(msgspec.Struct, frozen=True):
    """At least one part."""

    parts: "list[Node]"


Node = Term | Phrase | Compare | Not | AllOf | AnyOf


def parse(field: str, text: str) -> Node:
    """The meaning of an expression for `field`. Raises BadFilter."""
    if len(text) > MAX_LENGTH:
        raise BadFilter(field, f"at most {MAX_LENGTH} characters expected")
    return _Parser(field, text).run()


class _Parser:
    def __init__(self, field: str, text: str) -> None:
        self._field = field
        self._numeric = field in NUMERIC
        pattern = _NUMERIC_TOKENS if self._numeric else _TOKENS
        self._tokens: list[tuple[str, str]] = []  # kind (mark, phrase, word) and text
        at, end = 0, len(text.rstrip())
        while at < end:
            found = pattern.match(text, at)
            if found is None:
                raise BadFilter(field, "a quote is not closed")
            mark, phrase, word = found.groups()
            self._tokens.append(
                ("mark", mark) if mark else ("phrase", phrase) if phrase is not None else ("word", word)
            )
            at = found.end()
        if len(self._tokens) > MAX_TOKENS:
            raise BadFilter(field, f"at most {MAX_TOKENS} words expected")
        self._at = 0
        self._depth = 0

    def run(self) -> Node:
        """Parse everything."""
        if not self._tokens:
            raise BadFilter(self._field, "an expression expected")
        node = self._any()
        if self._at < len(self._tokens):
            raise BadFilter(self._field, f"unexpected '{self._tokens[self._at][1]}'")
        return node

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _any(self) -> Node:
        parts = [self._all()]
        while self._peek() == ("word", "OR"):
            self._at += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(parts)

    def _all(self) -> Node:
        parts = [self._not()]
        while True:
            token = self._peek()
            if token == ("word", "AND"):
                self._at += 1
            elif token is None or token in (("mark", ")"), ("word", "OR")):
                return parts[0] if len(parts) == 1 else AllOf(parts)
            parts.append(self._not())

    def _not(self) -> Node:
        if self._peek() == ("word", "NOT"):
            self._at += 1
            return Not(self._atom())
        return self._atom()

    def _atom(self) -> Node:
        token = self._peek()
        if token is None:
            raise BadFilter(self._field, "the expression ends too early")
        self._at += 1
        kind, text = token
        if kind == "phrase":
            return Phrase(" ".join(text.lower().split()))
        if kind == "word":
            if text in ("AND", "OR", "NOT"):
                raise BadFilter(self._field, f"unexpected '{text}'")
            return self._term(text)
        if text == "(":
            return self._group()
        if text in "<>":
            return self._compare(larger=text == ">")
        raise BadFilter(self._field, f"unexpected '{text}'")

    def _term(self, text: str) -> Node:
        if self._numeric:
            self._number(text)
        return Term(text.lower().strip(_EDGES) or text.lower())

    def _group(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadFilter(self._field, f"at most {MAX_DEPTH} nested parentheses expected")
        node = self._any()
        if self._peek() != ("mark", ")"):
            raise BadFilter(self._field, "a parenthesis is not closed")
        self._at += 1
        self._depth -= 1
        return node

    def _compare(self, *, larger: bool) -> Node:
        token = self._peek()
        if token is None or token[0] != "word":
            raise BadFilter(self._field, "a number expected")
        self._at += 1
        return Compare(larger, self._number(token[1]))

    def _number(self, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise BadFilter(self._field, "a number expected") from None


Event = Mapping[str, Any]


def matches(node: Node, texts: Sequence[str]) -> bool:
    """Whether the values of a field satisfy an expression."""
    if isinstance(node, Term):
        return any(_has_word(text, node.word) for text in texts)
    if isinstance(node, Phrase):
        return any(node.text in " ".join(text.lower().split()) for text in texts)
    if isinstance(node, Compare):
        numbers = [float(text) for text in texts]
        return any(number > node.number if node.larger else number < node.number for number in numbers)
    if isinstance(node, Not):
        return not matches(node.part, texts)
    check = all if isinstance(node, AllOf) else any
    return check(matches(part, texts) for part in node.parts)


def _has_word(text: str, word: str) -> bool:
    for found in text.lower().split():
        bare = found.strip(_EDGES)
        if word in (bare, found):
            return True
        local, at, domain = bare.rpartition("@")
        if at and word in (local, domain):
            return True
    return False


def _header(name: str) -> Callable[[Event], list[str]]:
    return lambda event: _texts(event.get("message", {}).get("headers", {}).get(name))


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


_VALUES: dict[str, Callable[[Event], list[str]]] = {
    "event": lambda event: _texts(event.get("event")),
    "severity": lambda event: _texts(event.get("severity")),
    "recipient": lambda event: _texts(event.get("recipient")),
    "recipients": lambda event: (
        _texts(event.get("message", {}).get("recipients")) + _texts(event.get("recipient"))
    ),
    "tags": lambda event: _texts(event.get("tags")),
    "size": lambda event: _texts(event.get("message", {}).get("size")),
    "list": lambda event: _texts(event.get("mailing-list", {}).get("address")),
    "attachment": lambda event: [
        str(one.get("filename", "")) for one in event.get("message", {}).get("attachments") or []
    ],
    "from": _header("from"),
    "to": _header("to"),
    "subject": _header("subject"),
    "message-id": _header("message-id"),
}
FIELDS = frozenset(_VALUES)


def values(field: str, event: Event) -> list[str]:
    """The values of a field in an event; a name that is no field is a user variable's."""
    if field in _VALUES:
        return _VALUES[field](event)
    variables = event.get("user-variables")
    return _texts(variables.get(field)) if isinstance(variables, dict) else []
