"""How many requests an account may make, by family of operations (behaviour.md 1.7).

Counted in fixed windows by each process for itself: of N processes of a machine each allows its Nth part, so that
together they allow about what one would. Counted are the account that is acted for and the key, so that one key
cannot have a limit for each of an account's subaccounts. A count costs two dictionary look-ups, and nothing when
limits are off.
"""

import math
from collections.abc import Mapping

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.errors import Refused
from postwright.mail.headers import format_date

from .roles import Area

MAX_COUNTS = 100_000  # kept at once: accounts and keys, times families


class Family(msgspec.Struct, frozen=True):
    """Operations that share a limit."""

    name: str
    limit: int
    seconds: int
    header: str  # X-…-Limit, -Remaining, -Reset
    each_domain: bool = False  # whether every domain has the limit for itself

    def refusal(self, wait: int, until: int, domain: str) -> tuple[str, dict[str, object]]:
        """What the refusal says."""
        match self.name:
            case "messages":
                return (
                    f"Domain {domain} is not allowed to send: account-requests-per-sec limit exceeded, "
                    f"try again after {wait} seconds",
                    {},
                )
            case "recipients":
                return f"Domain {domain} is not allowed to send: recipient limit exceeded, {again(until)}", {}
            case "settings" | "verify":
                return "Too Many Requests", {"retry-seconds": wait}
        return "Too Many Requests", {}


RECIPIENTS = Family("recipients", 1_000_000, 3600, "X-Recipient")
MESSAGES = Family("messages", 2_000_000, 3600, "X-RateLimit")
SUPPRESSIONS = Family("suppressions", 2500, 60, "X-Request")
VERIFY = Family("verify", 10, 60, "X-Request", each_domain=True)
SETTINGS = Family("settings", 300, 60, "X-RateLimit")  # domains and webhooks
METRICS = Family("metrics", 500, 10, "X-RateLimit")
LISTS = Family("lists", 300, 60, "X-RateLimit")  # ours: the figure is not known

_BY_AREA = {
    Area.SENDING: MESSAGES,
    Area.BOUNCES: SUPPRESSIONS,
    Area.COMPLAINTS: SUPPRESSIONS,
    Area.UNSUBSCRIBES: SUPPRESSIONS,
    Area.ALLOWLIST: SUPPRESSIONS,
    Area.DOMAINS: SETTINGS,
    Area.WEBHOOKS: SETTINGS,
    Area.METRICS: METRICS,
    Area.LISTS: LISTS,
}
_BY_ID = {"domains.verify": VERIFY}


class RateLimited(Refused):
    """The account has made as many requests as it may for now."""

    status = 429
    smtp = (451, "4.7.1")
    message = "Too Many Requests"
    headers: Mapping[str, str] = {}


class Rates:
    """The counts of one process."""

    def __init__(self, processes: int = 1) -> None:
        self._processes = max(processes, 1)
        self._counts: dict[tuple[str, str, str], tuple[int, int]] = {}

    def charge(
        self, id: str, area: object, account_id: str, key_id: str, domain: str, now: int
    ) -> list[tuple[str, str]]:
        """Count a request; the headers that tell how many are left. Raises RateLimited."""
        family = _BY_ID.get(id) or _BY_AREA.get(area)  # type: ignore[call-overload]
        return [] if family is None else self._charge(family, account_id, key_id, domain, now, 1)

    def recipients(
        self, account_id: str, key_id: str, domain: str, now: int, count: int
    ) -> list[tuple[str, str]]:
        """Count the recipients of a message; the headers that tell how many are left. Raises RateLimited."""
        return self._charge(RECIPIENTS, account_id, key_id, domain, now, count)

    def _charge(
        self, family: Family, account_id: str, key_id: str, domain: str, now: int, count: int
    ) -> list[tuple[str, str]]:
        share = math.ceil(family.limit / self._processes)
        window = now // (family.seconds * SECOND)
        reset = (window + 1) * family.seconds
        part = domain.lower() if family.each_domain else ""
        keys = dict.fromkeys((family.name, who, part) for who in (account_id, key_id) if who)
        counts = {key: self._count(key, window) for key in keys}
        most = max(counts.values())
        if most + count <= share:
            if len(self._counts) >= MAX_COUNTS:
                self._counts.clear()
            self._counts |= {key: (window, before + count) for key, before in counts.items()}
            left = (share - most) * self._processes - count
            return _headers(family.header, family.limit, min(left, family.limit - count), reset)
        wait = max(1, math.ceil(reset - now / SECOND))
        text, extra = family.refusal(wait, reset, domain)
        refused = RateLimited(text, **extra)
        refused.headers = {"retry-after": str(wait), **dict(_headers(family.header, family.limit, 0, reset))}
        raise refused

    def _count(self, key: tuple[str, str, str], window: int) -> int:
        began, count = self._counts.get(key, (window, 0))
        return count if began == window else 0


def hour_spent(domain: str, limit: int, now: int, reset: int) -> RateLimited:
    """The refusal of a message whose domain may send no more recipients until `reset` (seconds)."""
    refused = RateLimited(f"Domain {domain} is not allowed to send: recipient limit exceeded, {again(reset)}")
    told = dict(_headers(RECIPIENTS.header, limit, 0, reset))
    refused.headers = {"retry-after": str(max(1, math.ceil(reset - now / SECOND))), **told}
    return refused


def again(until: int) -> str:
    """When it is worth another try (behaviour.md 1.7)."""
    return f"try again after {format_date(until)}"


def _headers(name: str, limit: int, left: int, reset: int) -> list[tuple[str, str]]:
    return [
        (f"{name}-Limit", str(limit)),
        (f"{name}-Remaining", str(left)),
        (f"{name}-Reset", str(reset * 1000)),  # milliseconds
    ]
