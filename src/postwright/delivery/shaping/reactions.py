"""What a receiver's replies lead to: rules of the table, waits it names, and complaints about how fast we are."""

import re
from collections import deque

from postwright.kernel.clock import SECOND

from .policy import Policy, Rule

MAX_COUNTED = 20_000  # counts of replies kept
POLITE_SECONDS = 10  # longer than asked for (Postal's figure, delivery-engineering.md 2.7)
MAX_WAIT_SECONDS = 86_400

_WAIT = re.compile(
    r"(?:try again|retry|wait|come back|again)\b[^.;]{0,40}?\b(\d{1,5})\s*"
    r"(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b",
    re.IGNORECASE,
)
_PER_CONNECTION = re.compile(
    r"too many (messages|mails|e-?mails|recipients|transactions)\b.{0,30}\b(connection|session)|"
    r"(messages|mails) per (connection|session)",
    re.IGNORECASE,
)
_TOO_FAST = re.compile(
    r"too many (concurrent |simultaneous |open )?(connections|sessions|messages|e?-?mails|requests)|"
    r"rate.?limit|too fast|slow down|throttl|concurren|try again later.*(volume|rate)",
    re.IGNORECASE,
)
_GREY = re.compile(r"gr[ea]y-?list", re.IGNORECASE)


def numeric_wait(text: str) -> float | None:
    """The seconds that a reply asks us to wait, and some more; None when it names no time."""
    found = _WAIT.search(text)
    if found is None:
        return None
    unit = found[2][0].lower()
    wait = int(found[1]) * {"s": 1, "m": 60, "h": 3600}[unit]
    return float(min(wait, MAX_WAIT_SECONDS) + POLITE_SECONDS)


def per_connection(code: int, text: str) -> bool:
    """Whether only this connection has had enough: a new one is welcome."""
    return 400 <= code < 500 and _PER_CONNECTION.search(text) is not None


def asks_for_less(code: int, enhanced: str, text: str, command: str) -> bool:
    """Whether a temporary refusal is about how much we send, and not about one recipient or message."""
    if not 400 <= code < 500 or _GREY.search(text) or _PER_CONNECTION.search(text):
        return False
    if _TOO_FAST.search(text) or code == 421:
        return True
    # About the mailbox (x.2.y) or the message (x.6.y): nothing that fewer connections would change.
    return command in ("", "MAIL") and code in (450, 451, 452) and enhanced[1:4] not in (".2.", ".6.")


class Reactions:
    """Counts the replies that rules wait for."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str, str], deque[int]] = {}

    def rule_for(
        self, policy: Policy, now: int, scope: tuple[str, str, str], code: int, enhanced: str, text: str
    ) -> Rule | None:
        """The first rule that a reply completes; `scope` is (site, source, account)."""
        if not policy.rules or code < 400:
            return None
        line = f"{code} {enhanced} {text}" if enhanced else f"{code} {text}"
        for rule in policy.rules:
            if rule.pattern.search(line):
                return rule if self._counted(rule, now, scope) else None
        return None

    def _counted(self, rule: Rule, now: int, scope: tuple[str, str, str]) -> bool:
        if rule.after is None:
            return True
        site, source, account = scope
        key = (rule.name, site, source, account if rule.scope == "account" else "")
        seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) >= MAX_COUNTED:
                self._seen.pop(next(iter(self._seen)))
            seen = self._seen[key] = deque(maxlen=rule.after.count)
        seen.append(now)
        if len(seen) < rule.after.count or now - seen[0] > rule.after.seconds * SECOND:
            return False
        del self._seen[key]
        return True
