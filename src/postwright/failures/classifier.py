"""Rules from files, compiled together, and what they say about a reply (behaviour.md 5.2).

All expressions are one automaton (RE2's set): a reply is read once, however many rules there are, in time linear in
its length, whatever the rules say.
"""

import bisect
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import re2

MAX_TEXT = 2000  # characters of a reply that are looked at
MAX_MEMORY = 256 << 20  # octets the automaton may grow to
UNCATEGORIZED: Final = "uncategorized"

Category = Literal[
    "invalid-recipient",
    "bad-domain",
    "inactive-mailbox",
    "quota",
    "spam-content",
    "ip-block",
    "rate-limit",
    "greylist",
    "auth",
    "policy",
    "size",
    "tls",
    "dns",
    "network",
    "timeout",
    "protocol",
    "routing-loop",
    "expired",
]
Reason = Literal["bounce", "generic", "espblock", "blacklisted", "greylisted"]
# Only these are the recipient's fault, so that its address is not written to again (delivery-engineering.md 5.1).
HARD: Final = frozenset(("invalid-recipient", "bad-domain", "inactive-mailbox"))
_REASONS: Final[dict[str, Reason]] = {
    "spam-content": "espblock",
    "ip-block": "espblock",
    "greylist": "greylisted",
}


class RulesError(ValueError):
    """A file of rules cannot be used; the text says which rule, and why."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule; `rules.toml` tells what its members mean."""

    id: str
    category: Category
    explanation: str
    entity: str = ""
    match: str = ""
    codes: tuple[str, ...] = ()
    enhanced: tuple[str, ...] | None = None
    command: Literal["", "CONNECT", "MAIL", "RCPT", "DATA"] = ""
    reason: Reason | Literal[""] = ""

    @property
    def group(self) -> str:
        """What rules of one kind have in common: who says so, and what."""
        return f"{self.entity or 'any'}/{self.category}"

    def fits(self, code: str, enhanced: str, command: str) -> bool:
        """Whether a reply of that code to that command can be meant; the text is another matter."""
        if self.command and command != self.command:
            return False
        if self.codes and not code.startswith(self.codes):
            return False
        return self.enhanced is None or any(
            enhanced == each or (each.endswith(".") and enhanced.startswith(each)) for each in self.enhanced
        )


class Verdict(msgspec.Struct, frozen=True):
    """What a failure means: whether to try again, and what events say about it."""

    permanent: bool
    reason: str  # bounce · generic · espblock · blacklisted · greylisted
    bounce_type: str  # hard · soft
    category: str = UNCATEGORIZED
    rule: str = ""  # id of the rule that decided; "": none did
    group: str = ""


class Classifier:
    """Rules in order. Raises RulesError."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        seen: dict[str, Rule] = {}
        for rule in rules:  # the first of an id counts: a user's file comes before ours
            seen.setdefault(rule.id, rule)
        self.rules = {rule.id: rule for rule in seen.values()}
        self._rules = list(self.rules.values())
        self._textless = [number for number, rule in enumerate(self._rules) if not rule.match]
        self._textual: list[int] = []  # rule numbers by their place in the set
        self._set = re2.Set.SearchSet(_options())
        for number, rule in enumerate(self._rules):
            if rule.match:
                try:
                    self._set.Add(rule.match)
                except re2.error as wrong:
                    raise RulesError(f"rule {rule.id}: {_said(wrong)}") from wrong
                self._textual.append(number)
        if self._textual:
            self._set.Compile()

    def judge(self, code: int, enhanced: str, text: str, command: str) -> Verdict:
        """The verdict on a reply to `command` (the SMTP verb; anything before MAIL counts as CONNECT)."""
        permanent = 500 <= code < 600
        rule = self._first(code, enhanced, text, command)
        if rule is None:
            return Verdict(permanent, "generic", "soft")
        hard = permanent and rule.category in HARD
        reason = "bounce" if hard else rule.reason or _REASONS.get(rule.category, "generic")
        if permanent and reason == "greylisted":
            reason = "generic"
        return Verdict(permanent, reason, "hard" if hard else "soft", rule.category, rule.id, rule.group)

    def _first(self, code: int, enhanced: str, text: str, command: str) -> Rule | None:
        said = f"{code} {enhanced} {text[:MAX_TEXT]}".encode("utf-8", "replace")
        stage = command if command in ("MAIL", "RCPT", "DATA") else "CONNECT"
        found = sorted(self._textual[place] for place in self._set.Match(said) or ()) if self._textual else []
        digits = str(code)
        best = next((n for n in found if self._rules[n].fits(digits, enhanced, stage)), len(self._rules))
        for number in self._textless[: bisect.bisect(self._textless, best)]:
            if self._rules[number].fits(digits, enhanced, stage):
                return self._rules[number]
        return self._rules[best] if best < len(self._rules) else None


def parse(text: str, name: str) -> list[Rule]:
    """The rules in the text of a file. Raises RulesError."""
    try:
        found = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as wrong:
        raise RulesError(f"{name}: {wrong}") from wrong
    return found.rule


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[Rule] = []


@lru_cache(maxsize=4)
def classifier(path: str = "") -> Classifier:
    """Our rules, after those of the file `path` when there is one. Raises RulesError."""
    ours = parse(resources.files(__package__).joinpath("rules.toml").read_text("utf-8"), "rules.toml")
    if not path:
        return Classifier(ours)
    try:
        own = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise RulesError(f"{path}: {wrong}") from wrong
    return Classifier([*parse(own, path), *ours])


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    return options


def _said(wrong: Exception) -> str:
    reason = wrong.args[0] if wrong.args else "not a regular expression"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
