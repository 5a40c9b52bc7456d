"""What metrics and logs must say, told slowly and obviously: one event after the other, sums and differences.

Written from the published definitions (behaviour.md 7.2), without a look at how the program counts.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

Event = dict[str, Any]  # as it goes over the wire, and `at` in microseconds

SUMS: dict[str, Callable[[Event], bool]] = {
    "accepted_incoming_count": lambda e: is_(e, "accepted") and not flag(e, "is-authenticated"),
    "accepted_outgoing_count": lambda e: is_(e, "accepted") and flag(e, "is-authenticated"),
    "delivered_smtp_count": lambda e: is_(e, "delivered") and transport(e) == "smtp",
    "delivered_http_count": lambda e: is_(e, "delivered") and transport(e) == "http",
    "delivered_first_attempt_count": lambda e: (
        is_(e, "delivered") and e["delivery-status"]["attempt-no"] == 1
    ),
    "delivered_two_plus_attempts_count": lambda e: (
        is_(e, "delivered") and e["delivery-status"]["attempt-no"] >= 2
    ),
    "delivered_optimized_count": lambda e: is_(e, "delivered") and "i-delivery-optimizer" in e,
    "stored_count": lambda e: is_(e, "stored"),
    "temporary_failed_count": lambda e: is_(e, "failed") and e["severity"] == "temporary",
    "permanent_failed_count": lambda e: is_(e, "failed") and e["severity"] == "permanent",
    "temporary_failed_esp_block_count": lambda e: temporary(e) and e["reason"] == "espblock",
    "permanent_failed_esp_block_count": lambda e: permanent(e) and e["reason"] == "espblock",
    "permanent_failed_old_count": lambda e: permanent(e) and e["reason"] == "old",
    "permanent_failed_optimized_count": lambda e: (
        permanent(e) and e["reason"] == "bounce" and "i-delivery-optimizer" in e
    ),
    "suppressed_bounces_count": lambda e: permanent(e) and e["reason"] == "suppress-bounce",
    "suppressed_unsubscribed_count": lambda e: permanent(e) and e["reason"] == "suppress-unsubscribe",
    "suppressed_complaints_count": lambda e: permanent(e) and e["reason"] == "suppress-complaint",
    "hard_bounces_count": lambda e: (
        permanent(e) and e["reason"] == "bounce" and not flag(e, "is-delayed-bounce")
    ),
    "soft_bounces_count": lambda e: (
        permanent(e)
        and e["reason"] in ("generic", "greylisted", "blacklisted", "espblock")
        and not flag(e, "is-delayed-bounce")
    ),
    "delayed_bounce_count": lambda e: permanent(e) and flag(e, "is-delayed-bounce"),
    "webhook_count": lambda e: permanent(e) and flag(e, "is-callback"),
    "rate_limit_count": lambda e: (
        temporary(e) and e.get("i_classification_group_id", "").endswith("/rate-limit")
    ),
    "opened_count": lambda e: is_(e, "opened"),
    "clicked_count": lambda e: is_(e, "clicked"),
    "unique_opened_count": lambda e: is_(e, "opened") and e.get("i-unique", False),
    "unique_clicked_count": lambda e: is_(e, "clicked") and e.get("i-unique", False),
    "unsubscribed_count": lambda e: is_(e, "unsubscribed"),
    "complained_count": lambda e: is_(e, "complained"),
    "archived_count": lambda e: is_(e, "delivered") and e.get("i-archived", False),
}
RATES = {
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
}


def is_(event: Event, name: str) -> bool:
    return bool(event["event"] == name)


def temporary(event: Event) -> bool:
    return is_(event, "failed") and event["severity"] == "temporary"


def permanent(event: Event) -> bool:
    return is_(event, "failed") and event["severity"] == "permanent"


def flag(event: Event, name: str) -> bool:
    return bool(event.get("flags", {}).get(name, False))


def transport(event: Event) -> str:
    return str(event["envelope"]["transport"])


def counts(events: Iterable[Event]) -> dict[str, int]:
    """Every count of some events."""
    listed = list(events)
    c = {name: sum(map(bool, map(rule, listed))) for name, rule in SUMS.items()}
    c["accepted_count"] = c["accepted_incoming_count"] + c["accepted_outgoing_count"]
    c["delivered_count"] = c["delivered_smtp_count"] + c["delivered_http_count"]
    c["delivered_subsequent_count"] = c["delivered_two_plus_attempts_count"]
    c["failed_count"] = c["temporary_failed_count"] + c["permanent_failed_count"]
    suppressed = (
        c["suppressed_bounces_count"] + c["suppressed_unsubscribed_count"] + c["suppressed_complaints_count"]
    )
    c["bounced_count"] = c["permanent_failed_count"] - suppressed
    c["delayed_first_attempt_count"] = (
        c["delivered_two_plus_attempts_count"] + c["permanent_failed_old_count"]
    )
    c["processed_count"] = (
        c["delivered_count"] + c["permanent_failed_count"] - c["webhook_count"] - c["delayed_bounce_count"]
    )
    c["sent_count"] = c["delivered_count"] + c["permanent_failed_count"] - suppressed
    return c


def metric(name: str, c: dict[str, int]) -> int | str:
    """A count, or a rate as text."""
    if name not in RATES:
        return c[name]
    part, whole = RATES[name]
    return "0.0000" if c[whole] == 0 else f"{c[part] / c[whole]:.4f}"


def dimension(event: Event, name: str, resolution: str) -> list[str]:
    """The values of an event in a dimension."""
    if name == "time":
        moment = datetime.fromtimestamp(event["at"] // 1_000_000, UTC).replace(minute=0, second=0)
        if resolution != "hour":
            moment = moment.replace(hour=0)
        if resolution == "month":
            moment = moment.replace(day=1)
        return [moment.strftime("%a, %d %b %Y %H:%M:%S +0000")]
    if name == "tag":
        return sorted({tag.lower() for tag in event.get("tags", [])})
    return [
        {
            "domain": lambda: event["domain"]["name"],
            "ip": lambda: event.get("envelope", {}).get("sending-ip", ""),
            "country": lambda: event.get("geolocation", {}).get("country", ""),
            "device": lambda: event.get("client-info", {}).get("device-type", ""),
            "bot": lambda: event.get("client-info", {}).get("bot", ""),
            "recipient_domain": lambda: event.get("recipient-domain", ""),
            "recipient_provider": lambda: event.get("recipient-provider", ""),
        }[name]()
    ]


def fits(event: Event, predicate: dict[str, Any]) -> bool:
    """Whether an event satisfies a predicate."""
    have = [value.lower() for value in dimension(event, predicate["attribute"], "day")]
    want = [value["value"].lower() for value in predicate["values"]]
    comparator = predicate["comparator"]
    if "contains" in comparator:
        found = any(wanted in value for value in have for wanted in want)
    else:
        found = any(wanted == value for value in have for wanted in want)
    return found if comparator in ("=", "contains") else not found


def groups(
    events: Sequence[Event],
    dimensions: Sequence[str],
    metrics: Sequence[str],
    resolution: str,
    predicates: Sequence[dict[str, Any]],
) -> dict[tuple[str, ...], dict[str, int | str]]:
    """The figures of each group in which something that the metrics are made of happened."""
    parted: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        if all(fits(event, predicate) for predicate in predicates):
            keys: list[tuple[str, ...]] = [()]
            for name in dimensions:
                keys = [(*key, value) for key in keys for value in dimension(event, name, resolution)]
            for key in keys:
                parted.setdefault(key, []).append(event)
    needed = [part for name in metrics for part in RATES.get(name, (name,))]
    found = {}
    for key, members in parted.items():
        if any(counts([event])[part] for event in members for part in needed):
            figures = counts(members)
            found[key] = {name: metric(name, figures) for name in metrics}
    return found
