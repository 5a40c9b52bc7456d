"""What recipients of captured mail do with it: by a rule of the account, else by what their address says.

    bounce+5.2.2@…  greylist+3@…  defer+4.2.1@…  complain+3600@…  report+60@…  open@…  click+5@…  unsubscribe@…

Before the `+` what happens, behind it a status code, how often, or after how many seconds.
"""

import fnmatch
import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from postwright.mail.smtp import Reply

from .errors import BadRule

MAX_RULES = 200  # of an account
MAX_PATTERN = 320
MAX_AFTER = 90 * 86400.0  # seconds
MAX_TIMES = 100

REFUSALS = ("bounce", "defer", "greylist")
ACTS = ("complain", "report", "open", "click", "unsubscribe")  # after the message was taken
WORDS = ("accept", *REFUSALS, *ACTS)

_ENHANCED = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")
_DEFAULTS = {"bounce": "5.1.1", "defer": "4.2.1", "greylist": "4.7.1", "report": "5.1.1"}
# The codes that servers say most often with a status (RFC 3463, RFC 5321 §4.2.3).
_REPLIES = {
    "5.1.1": (550, "The email account that you tried to reach does not exist"),
    "5.1.2": (550, "Bad destination system address"),
    "5.2.1": (550, "The mailbox is disabled"),
    "5.2.2": (552, "The mailbox is full"),
    "5.3.4": (552, "The message is too big"),
    "5.7.1": (554, "The message was refused by policy"),
    "4.2.1": (450, "The mailbox is busy, try again later"),
    "4.2.2": (452, "The mailbox is full"),
    "4.7.1": (451, "Greylisted, try again later"),
}


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipient does."""

    do: str = "accept"
    enhanced: str = ""
    code: int = 0
    text: str = ""
    times: int = 1  # greylist: how many attempts it refuses
    after: float = 0.0  # acts: seconds after the message was taken

    def reply(self) -> Reply:
        """The refusal."""
        code, text = _REPLIES.get(self.enhanced, (550 if self.enhanced[0] == "5" else 451, "Refused"))
        return Reply(self.code or code, self.enhanced, self.text or text)


class Rule(Script, frozen=True, kw_only=True):
    """A script for all recipients that match a pattern."""

    id: int = 0
    recipient: str

    def matches(self, address: str) -> bool:
        """Whether the rule is about the address."""
        return fnmatch.fnmatchcase(address.lower(), self.recipient)


S = TypeVar("S", bound=Script)


def script(rules: Iterable[Rule], address: str) -> Script:
    """What `address` does: the first rule that matches says, else the address itself."""
    return next((rule for rule in rules if rule.matches(address)), None) or by_name(address)


def by_name(address: str) -> Script:
    """What the local part of an address says."""
    word, _, detail = address.rpartition("@")[0].lower().partition("+")
    if word not in WORDS:
        return Script()
    try:
        return checked(_spelled(word, detail))
    except BadRule:
        return Script()  # an address that only looks like one of ours


def _spelled(word: str, detail: str) -> Script:
    if not detail:
        return Script(do=word)
    if word in ("bounce", "defer"):
        return Script(do=word, enhanced=detail)
    if not detail.isdecimal() or len(detail) > 9:
        raise BadRule
    return Script(do=word, times=int(detail)) if word == "greylist" else Script(do=word, after=float(detail))


def checked(given: S) -> S:
    """The script with what it leaves open filled in. Raises BadRule."""
    if given.do not in WORDS:
        raise BadRule(f"do is one of {', '.join(WORDS)}")
    enhanced = given.enhanced or _DEFAULTS.get(given.do, "")
    if enhanced and not _ENHANCED.fullmatch(enhanced):
        raise BadRule(f"enhanced is a status code like 5.1.1, not {given.enhanced[:32]!r}")
    wanted = {"bounce": "5", "report": "5", "defer": "4", "greylist": "4"}.get(given.do)
    if wanted and enhanced[0] != wanted:
        raise BadRule(f"{given.do} needs a status code that begins with {wanted}")
    if given.code and (not 400 <= given.code <= 599 or str(given.code)[0] != wanted):
        raise BadRule(f"{given.do} has no reply {given.code}")
    if not 1 <= given.times <= MAX_TIMES:
        raise BadRule(f"times is a number from 1 to {MAX_TIMES}")
    if not 0 <= given.after <= MAX_AFTER:
        raise BadRule(f"after is a number of seconds from 0 to {MAX_AFTER:.0f}")
    if len(given.text) > 400 or not given.text.isprintable():
        raise BadRule("text is one line of at most 400 characters")
    return msgspec.structs.replace(given, enhanced=enhanced)
