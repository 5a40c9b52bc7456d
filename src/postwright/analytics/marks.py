"""What each event counts as: the one definition of every metric (behaviour.md 7.2).

Every count is a property of single events, also those that are usually written as sums and differences of others.
So an event gets a number once, with a bit for each metric it counts in, and all figures are counts of bits. The
numbers are stored: a bit keeps its meaning for good, and new metrics get new bits at the end.
"""

from typing import Final

import msgspec


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about an event's metrics."""

    event: str
    severity: str = ""
    reason: str = ""
    transport: str = ""
    attempt: int = 0
    group: str = ""  # of the rule that judged a failure
    authenticated: bool = False
    delayed: bool = False  # a bounce that came after the delivery
    callback: bool = False  # an HTTP forward that was given up
    optimized: bool = False
    unique: bool = False
    archived: bool = False


COUNTS: Final = (
    "accepted_incoming_count",
    "accepted_outgoing_count",
    "accepted_count",
    "delivered_smtp_count",
    "delivered_http_count",
    "delivered_count",
    "delivered_first_attempt_count",
    "delivered_two_plus_attempts_count",
    "delivered_optimized_count",
    "stored_count",
    "failed_count",
    "temporary_failed_count",
    "permanent_failed_count",
    "temporary_failed_esp_block_count",
    "permanent_failed_esp_block_count",
    "permanent_failed_old_count",
    "permanent_failed_optimized_count",
    "suppressed_bounces_count",
    "suppressed_unsubscribed_count",
    "suppressed_complaints_count",
    "hard_bounces_count",
    "soft_bounces_count",
    "delayed_bounce_count",
    "bounced_count",
    "delayed_first_attempt_count",
    "webhook_count",
    "rate_limit_count",
    "processed_count",
    "sent_count",
    "opened_count",
    "clicked_count",
    "unique_opened_count",
    "unique_clicked_count",
    "unsubscribed_count",
    "complained_count",
    "archived_count",
)
BITS: Final = {name: 1 << number for number, name in enumerate(COUNTS)}

# Names that count what several others count.
ALIASES: Final = {
    "delivered_subsequent_count": BITS["delivered_two_plus_attempts_count"],
    "esp_block_count": BITS["temporary_failed_esp_block_count"] | BITS["permanent_failed_esp_block_count"],
}

RATES: Final = {
    "delivered_rate": ("delivered_count", "sent_count"),
    "opened_rate": ("opened_count", "delivered_count"),
    "clicked_rate": ("clicked_count", "delivered_count"),
    "unique_opened_rate": ("unique_opened_count", "delivered_count"),
    "unique_clicked_rate": ("unique_clicked_count", "delivered_count"),
    "unsubscribed_rate": ("unsubscribed_count", "delivered_count"),
    "complained_rate": ("complained_count", "delivered_count"),
    "bounce_rate": ("bounced_count", "processed_count"),
    "permanent_fail_rate": ("permanent_failed_count", "processed_count"),
    "delayed_rate": ("delivered_two_plus_attempts_count", "delivered_count"),
    # Not published anywhere; the others of failures are parts of what was processed.
    "temporary_fail_rate": ("temporary_failed_count", "processed_count"),
    "fail_rate": ("failed_count", "processed_count"),
    "delayed_first_attempt_rate": ("delayed_first_attempt_count", "processed_count"),
    "hard_bounce_rate": ("hard_bounces_count", "processed_count"),
    "soft_bounce_rate": ("soft_bounces_count", "processed_count"),
}

_SUPPRESSED: Final = {
    "suppress-bounce": "suppressed_bounces_count",
    "suppress-unsubscribe": "suppressed_unsubscribed_count",
    "suppress-complaint": "suppressed_complaints_count",
}
_SOFT: Final = frozenset(("generic", "greylisted", "blacklisted", "espblock"))
_RATE_LIMIT: Final = "/rate-limit"  # how the group of a rule ends that reads "slower" in a reply


def bits(name: str) -> int:
    """The bits that count `name_count` or `name`; 0 for a name nobody knows."""
    full = name if name.endswith("_count") else f"{name}_count"
    return BITS.get(full) or ALIASES.get(full, 0)


def marks(facts: Facts) -> int:
    """The bits of all metrics that an event counts in."""
    match facts.event:
        case "accepted":
            names = ["accepted_count", f"accepted_{'outgoing' if facts.authenticated else 'incoming'}_count"]
        case "delivered":
            names = _delivered(facts)
        case "failed":
            names = _failed(facts)
        case "opened" | "clicked":
            names = [f"{facts.event}_count"]
            if facts.unique:
                names.append(f"unique_{facts.event}_count")
        case "stored" | "unsubscribed" | "complained":
            names = [f"{facts.event}_count"]
        case _:
            names = []
    return sum(BITS[name] for name in names)


def _delivered(facts: Facts) -> list[str]:
    names = ["delivered_count", "processed_count", "sent_count"]
    names.append("delivered_http_count" if facts.transport == "http" else "delivered_smtp_count")
    if facts.attempt > 1:
        names += ["delivered_two_plus_attempts_count", "delayed_first_attempt_count"]
    else:
        names.append("delivered_first_attempt_count")
    if facts.optimized:
        names.append("delivered_optimized_count")
    if facts.archived:
        names.append("archived_count")
    return names


def _failed(facts: Facts) -> list[str]:
    names = ["failed_count"]
    if facts.severity == "temporary":
        names.append("temporary_failed_count")
        if facts.reason == "espblock":
            names.append("temporary_failed_esp_block_count")
        if facts.group.endswith(_RATE_LIMIT):
            names.append("rate_limit_count")
        return names
    names.append("permanent_failed_count")
    if facts.reason == "espblock":
        names.append("permanent_failed_esp_block_count")
    if facts.reason == "old":
        names += ["permanent_failed_old_count", "delayed_first_attempt_count"]
    if facts.reason in _SUPPRESSED:
        names.append(_SUPPRESSED[facts.reason])
    else:
        names += ["bounced_count", "sent_count"]
    if facts.reason == "bounce" and facts.optimized:
        names.append("permanent_failed_optimized_count")
    if facts.delayed:
        names.append("delayed_bounce_count")
    elif facts.reason == "bounce":
        names.append("hard_bounces_count")
    elif facts.reason in _SOFT:
        names.append("soft_bounces_count")
    if facts.callback:
        names.append("webhook_count")
    if not facts.callback and not facts.delayed:
        names.append("processed_count")
    return names


def rate(part: int, whole: int) -> str:
    """A rate as clients expect it: text with four decimals, of nothing zero."""
    return f"{part / whole:.4f}" if whole else "0.0000"
