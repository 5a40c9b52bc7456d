"""The filter expressions of routes (behaviour.md 10.2).

    expression := conjunction { "or" conjunction }
    conjunction := factor { "and" factor }
    factor := "not" factor | "(" expression ")" | term
    term := match_recipient("regex") | match_header("name", "regex") | catch_all()

Words are known in any case. A text stands in single or double quotes; a backslash belongs to the regular
expression, but before the quote itself, where it keeps it from ending the text.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from postwright.kernel.patterns import BadPattern, Budget, Match, Pattern, compiled

MAX_LENGTH = 4000  # characters (behaviour.md 10.2)
MAX_DEPTH = 50  # parentheses and nots within each other
MAX_TERMS = 200

_TOKEN = re.compile(
    r"\s*+(?:(?P<word>[A-Za-z_]++)|(?P<mark>[(),])"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'))",
    re.DOTALL,
)
_ESCAPED_QUOTE = re.compile(r"\\(.)", re.DOTALL)


class BadExpression(ValueError):
    """The text is no expression; the message says what is wrong and at which character (the first is 1)."""


class Subject(msgspec.Struct, frozen=True):
    """What an expression is about. `headers` by lower-case name, decoded; None: not known (yet)."""

    recipient: str
    headers: Mapping[str, Sequence[str]] | None
    matched_before: bool = False  # an earlier route matched
    budget: Budget | None = None  # of time, for all patterns that need backtracking


class Verdict(msgspec.Struct, frozen=True):
    """Whether an expression holds (None: that depends on headers), and what its patterns caught."""

    holds: bool | None
    captures: Match = Match()


_NO, _MAYBE = Verdict(False), Verdict(None)


class Expression:
    """A parsed expression."""

    def evaluate(self, subject: Subject) -> Verdict:
        """Whether it holds of `subject`."""
        raise NotImplementedError


class MatchRecipient(Expression):
    """`match_recipient("regex")`: matched from the beginning of the address."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern

    def evaluate(self, subject: Subject) -> Verdict:
        """See the base."""
        found = self.pattern.match(subject.recipient, subject.budget)
        return _NO if found is None else Verdict(True, found)


class MatchHeader(Expression):
    """`match_header("name", "regex")`: found anywhere in any header of that name."""

    def __init__(self, name: str, pattern: Pattern) -> None:
        self.name = name.lower()
        self.pattern = pattern

    def evaluate(self, subject: Subject) -> Verdict:
        """See the base."""
        if subject.headers is None:
            return _MAYBE
        for value in subject.headers.get(self.name, ()):
            if found := self.pattern.search(value, subject.budget):
                return Verdict(True, found)
        return _NO


class CatchAll(Expression):
    """`catch_all()`: no earlier route matched."""

    def evaluate(self, subject: Subject) -> Verdict:
        """See the base."""
        return Verdict(not subject.matched_before)


class Not(Expression):
    """`not …`; what its patterns caught is of no use."""

    def __init__(self, inner: Expression) -> None:
        self.inner = inner

    def evaluate(self, subject: Subject) -> Verdict:
        """See the base."""
        holds = self.inner.evaluate(subject).holds
        return _MAYBE if holds is None else Verdict(not holds)


class All(Expression):
    """`… and …`."""

    def __init__(self, parts: list[Expression]) -> None:
        self.parts = parts

    def evaluate(self, subject: Subject) -> Verdict:
        """See the base."""
        captures, holds = Match(), True
        for part in self.parts:
            verdict = part.evaluate(subject)
            if verdict.holds is False:
                return _NO
            holds = holds and verdict.holds is not None
            captures = _joined(captures, verdict.captures)
        return Verdict(True, captures) if holds else _MAYBE


class Any(Expression):
    """`… or …`."""

    def __init__(self, parts: list[Expression]) -> None:
        self.parts = parts

    def evaluate(self, subject: Subject) -> Verdict:
        """See the base."""
        open_question = False
        for part in self.parts:
            verdict = part.evaluate(subject)
            if verdict.holds:
                return verdict
            open_question = open_question or verdict.holds is None
        return _MAYBE if open_question else _NO


def _joined(first: Match, second: Match) -> Match:
    """Numbers are those of the first pattern that has groups; of names the first use counts."""
    if not second.groups:
        return first
    return Match(first.groups or second.groups, {**second.named, **first.named})


def parse(text: str) -> Expression:
    """The expression in `text`. Raises BadExpression."""
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"an expression has at most {MAX_LENGTH} characters")
    return _Parser(text).run()


class _Token(msgspec.Struct, frozen=True):
    kind: str  # word · mark · text · end
    text: str
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._terms = 0

    def run(self) -> Expression:
        if self._peek().kind == "end":
            raise BadExpression("the expression is empty")
        found = self._or(0)
        last = self._peek()
        if last.kind != "end":
            raise _wrong(last, "'and', 'or' or the end")
        return found

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _is(self, word: str) -> bool:
        token = self._peek()
        return token.kind == "word" and token.text.lower() == word

    def _or(self, depth: int) -> Expression:
        parts = [self._and(depth)]
        while self._is("or"):
            self._take()
            parts.append(self._and(depth))
        return parts[0] if len(parts) == 1 else Any(parts)

    def _and(self, depth: int) -> Expression:
        parts = [self._factor(depth)]
        while self._is("and"):
            self._take()
            parts.append(self._factor(depth))
        return parts[0] if len(parts) == 1 else All(parts)

    def _factor(self, depth: int) -> Expression:
        token = self._take()
        if depth > MAX_DEPTH:
            raise BadExpression(f"nested deeper than {MAX_DEPTH} levels at character {token.at + 1}")
        if token.kind == "mark" and token.text == "(":
            inner = self._or(depth + 1)
            self._expect(")")
            return inner
        if token.kind == "word" and token.text.lower() == "not":
            return Not(self._factor(depth + 1))
        if token.kind != "word":
            raise _wrong(token, "match_recipient, match_header or catch_all")
        return self._term(token)

    def _term(self, name: _Token) -> Expression:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise BadExpression(f"more than {MAX_TERMS} terms at character {name.at + 1}")
        word = name.text.lower()
        if word not in _ARGUMENTS:
            raise _wrong(name, "match_recipient, match_header or catch_all")
        self._expect("(")
        given: list[_Token] = []
        for _ in range(_ARGUMENTS[word]):
            if given:
                self._expect(",")
            token = self._take()
            if token.kind != "text":
                raise _wrong(token, "a text in quotes")
            given.append(token)
        self._expect(")")
        if word == "catch_all":
            return CatchAll()
        pattern = _pattern(given[-1])
        if word == "match_recipient":
            return MatchRecipient(pattern)
        header = _content(given[0])
        if not header.strip():
            raise BadExpression(f"the name of a header is empty at character {given[0].at + 1}")
        return MatchHeader(header.strip().rstrip(":"), pattern)

    def _expect(self, mark: str) -> None:
        token = self._take()
        if token.kind != "mark" or token.text != mark:
            raise _wrong(token, f"'{mark}'")


_ARGUMENTS = {"match_recipient": 1, "match_header": 2, "catch_all": 0}


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while hit := _TOKEN.match(text, at):
        kind = str(hit.lastgroup)
        found.append(_Token(kind, hit[kind], hit.start(kind)))
        at = hit.end()
    rest = text[at:]
    if rest.strip():
        at += len(rest) - len(rest.lstrip())
        if text[at] in "\"'":
            raise BadExpression(f"the text that begins at character {at + 1} has no closing quote")
        raise BadExpression(f"unexpected {text[at]!r} at character {at + 1}")
    found.append(_Token("end", "", len(text)))
    return found


def _content(token: _Token) -> str:
    """The text between the quotes."""
    quote = token.text[0]
    return _ESCAPED_QUOTE.sub(lambda pair: quote if pair[1] == quote else pair[0], token.text[1:-1])


def _pattern(token: _Token) -> Pattern:
    try:
        return compiled(_content(token))
    except BadPattern as wrong:
        raise BadExpression(f"bad regular expression at character {token.at + 1}: {wrong}") from wrong


def _wrong(token: _Token, expected: str) -> BadExpression:
    what = "the end" if token.kind == "end" else repr(token.text[:40])
    return BadExpression(f"expected {expected} at character {token.at + 1}, found {what}")
