"""MTA-STS (RFC 8461): what the TXT record and the policy file say."""

import re
from collections.abc import Iterable

import msgspec

from postwright.kernel.clock import SECOND

MAX_AGE = 31_557_600  # seconds, a year (RFC 8461 §3.2)
MAX_PATTERNS = 100
MODES = ("enforce", "testing", "none")
_RECORD = re.compile(r"v=STSv1\s*;\s*(?:.*;\s*)?id=([A-Za-z0-9]{1,32})\s*(?:;.*)?")
_PATTERN = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}")


class StsPolicy(msgspec.Struct, frozen=True):
    """A policy. `fetched_at` in microseconds, `max_age` in seconds from then."""

    mode: str  # enforce · testing · none
    mx: tuple[str, ...]  # names, or patterns like *.example.com
    max_age: int
    id: str = ""
    fetched_at: int = 0

    @property
    def expires_at(self) -> int:
        """Until when it holds, in microseconds."""
        return self.fetched_at + self.max_age * SECOND

    def allows(self, name: str) -> bool:
        """Whether an MX host of that name is one of the domain's (RFC 8461 §4.1): a star is one whole label."""
        return name in self.mx or f"*.{name.partition('.')[2]}" in self.mx

    def lines(self) -> list[str]:
        """The policy as its file says it, for reports."""
        mx = [f"mx: {pattern}" for pattern in self.mx]
        return ["version: STSv1", f"mode: {self.mode}", *mx, f"max_age: {self.max_age}"]


def policy_id(texts: Iterable[str]) -> str | None:
    """The id that the TXT records of `_mta-sts` give; None when they announce no policy (RFC 8461 §3.1)."""
    records = [text.strip() for text in texts if re.match(r"v=STSv1\s*(;|$)", text.strip())]
    found = _RECORD.fullmatch(records[0]) if len(records) == 1 else None
    return found[1] if found else None


def parse(body: bytes) -> StsPolicy:
    """The policy in a file (RFC 8461 §3.2). Raises ValueError saying what is wrong."""
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in body.decode("utf-8").splitlines():  # UnicodeDecodeError is a ValueError
        name, colon, value = (part.strip() for part in line.partition(":"))
        if name == "mx" and colon:
            patterns.append(value.lower().rstrip("."))
        elif colon:
            fields.setdefault(name, value)  # the first one counts
        elif name:
            raise ValueError(f"no field: {name[:80]!r}")
    if fields.get("version") != "STSv1":
        raise ValueError("its version is not STSv1")
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode[:80]!r}")
    if not age.isascii() or not age.isdecimal() or len(age) > 10:
        raise ValueError(f"max_age {age[:80]!r} is no number of seconds")
    if len(patterns) > MAX_PATTERNS or not all(_PATTERN.fullmatch(pattern) for pattern in patterns):
        raise ValueError("an mx that is no name")
    if mode != "none" and not patterns:
        raise ValueError("no mx")
    return StsPolicy(mode, tuple(patterns), min(int(age), MAX_AGE))
