"""What a server's reply means (behaviour.md 5.2, delivery-engineering.md 5.1)."""

import re

import msgspec

_UNKNOWN_MAILBOX = re.compile(
    r"(user|recipient|mailbox|address|account|inbox)\b.{0,40}\b(unknown|not found|does ?n[o']t exist|invalid|"
    r"unavailable|not exist|disabled|inactive)|(unknown|no such|invalid|nonexistent|non-existent)\b.{0,20}"
    r"\b(user|recipient|mailbox|address|account|person)|undeliverable address",
    re.IGNORECASE,
)
_FULL = re.compile(r"quota|mailbox (is )?full|over ?quota|insufficient (system )?storage", re.IGNORECASE)
_GREY = re.compile(r"gr[ea]y-?list", re.IGNORECASE)
_LISTED = re.compile(
    r"spamhaus|spamcop|barracuda ?central|sorbs|rbl\b|dnsbl|block ?list|black ?list", re.IGNORECASE
)
_BLOCKED = re.compile(
    r"spam|blocked|reputation|unsolicited|policy|abuse|\bS3150\b|\[?TSS?0\d\]?|not authori[sz]ed|denied",
    re.IGNORECASE,
)
# Enhanced codes that are about the mailbox itself (RFC 3463 sections 3.2 and 3.3).
_HARD = frozenset(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"))


class Verdict(msgspec.Struct, frozen=True):
    """What a failure means: whether to try again, and the reason that events give."""

    permanent: bool
    reason: str  # bounce · generic · espblock · blacklisted · greylisted
    bounce_type: str  # hard · soft


def judge(code: int, enhanced: str, text: str, command: str) -> Verdict:
    """The verdict on a reply to `command` (the SMTP verb, "" before MAIL)."""
    permanent = 500 <= code < 600
    if not permanent:
        reason = "greylisted" if _GREY.search(text) else _block(text) if enhanced[:4] == "4.7." else "generic"
        return Verdict(False, reason, "soft")
    if enhanced in _HARD:
        return Verdict(True, "bounce", "hard")
    if enhanced[:4] == "5.7.":
        return Verdict(True, _block(text, "espblock" if _BLOCKED.search(text) else "generic"), "soft")
    if _FULL.search(text) or enhanced[:4] == "5.2.":
        return Verdict(True, "generic", "soft")
    if _UNKNOWN_MAILBOX.search(text):
        return Verdict(True, "bounce", "hard")
    if _LISTED.search(text) or _BLOCKED.search(text):
        return Verdict(True, _block(text, "espblock"), "soft")
    # A bare 550 to RCPT is "mailbox unavailable" (RFC 5321 section 4.2.2).
    hard = command == "RCPT" and code in (550, 551, 553) and enhanced in ("", "5.0.0")
    return Verdict(True, "bounce" if hard else "generic", "hard" if hard else "soft")


def _block(text: str, otherwise: str = "generic") -> str:
    return "blacklisted" if _LISTED.search(text) else otherwise
