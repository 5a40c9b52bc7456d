"""The queue at a glance."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from postwright import levers, queue
from postwright.delivery import suspensions
from postwright.kernel.clock import SECOND
from postwright.kernel.db import ALIVE_SECONDS, Read, last_beat
from postwright.kernel.metrics import Reading
from postwright.levers import Rule
from postwright.messages import facts

SITES = 50  # shown, those with the most
SUSPENSIONS = 500


class Depth(msgspec.Struct, frozen=True):
    """A part of the queue: how many recipients, and the oldest time at which one of them was due."""

    count: int
    oldest_due: int


class SiteDepth(msgspec.Struct, frozen=True):
    """What waits for a recipient domain."""

    recipient_domain: str
    provider: str
    count: int
    held: int
    oldest_due: int


class Suspended(msgspec.Struct, frozen=True):
    """What delivery itself holds back for a while; an empty part of the scope stands for all."""

    site: str
    source: str
    account_id: str
    rule: str
    reason: str
    limits: str  # "" for a full stop
    since: int
    until: int


class Overview(msgspec.Struct, frozen=True):
    """The queue, of one account or of all. Times in microseconds."""

    states: Mapping[str, Depth]
    sites: list[SiteDepth]
    providers: Mapping[str, int]
    suspended: list[Suspended]
    rules: list[Rule]
    delivery_seen: int  # when a delivery process was last known to live
    delivering: bool


def overview(tx: Read, now: int, account_id: str | None, owner: str | None) -> Overview:
    """Everything about the queue of an account (None: of all); `owner` None: with everybody's rules."""
    states = {
        name: Depth(count, oldest) for name, (count, oldest) in queue.depth(tx, now, account_id).items()
    }
    providers: Counter[str] = Counter()
    sites: list[SiteDepth] = []
    depths = queue.depth_of_sites(tx, account_id, 10_000)
    noted = queue.noted_providers(tx, [depth[0] for depth in depths])
    for site, count, held, oldest in depths:
        provider = noted.get(site) or facts.provider(site)
        providers[provider] += count
        if len(sites) < SITES:
            sites.append(SiteDepth(site, provider, count, held, oldest))
    seen = last_beat(tx, "delivery")
    return Overview(
        states=states,
        sites=sites,
        providers=dict(providers),
        suspended=[
            each for each in active(tx, now) if account_id in (None, each.account_id) or not each.account_id
        ],
        rules=[rule for rule in levers.rules(tx) if owner is None or rule.owner == owner],
        delivery_seen=seen,
        delivering=alive(seen, now),
    )


def alive(seen: int, now: int) -> bool:
    """Whether a process last seen then lives."""
    return bool(seen) and now - seen <= ALIVE_SECONDS * SECOND


def active(tx: Read, now: int) -> list[Suspended]:
    """The suspensions that hold now."""
    return [
        Suspended(
            row.site, row.source, row.account_id, row.rule, row.reason, row.limits, row.since, row.until
        )
        for row in suspensions(tx, now, SUSPENSIONS)
    ]


def readings(tx: Read, now: int) -> list[Reading]:
    """What of it Prometheus is told."""
    depth = queue.depth(tx, now)
    due_count, oldest = depth["due"]
    late = max(0.0, (now - oldest) / SECOND) if due_count else 0.0
    scopes = Counter(
        "account" if each.account_id else "source" if each.source else "site" for each in active(tx, now)
    )
    kinds = Counter(rule.kind for rule in levers.rules(tx))
    return [
        Reading(
            "queue_depth",
            "Recipients in the queue.",
            ("state",),
            {(name,): float(count) for name, (count, _) in depth.items()},
        ),
        Reading("oldest_due_seconds", "How long the oldest due recipient has been due.", (), {(): late}),
        Reading(
            "suspensions_active",
            "What delivery holds back for a while.",
            ("scope",),
            {(scope,): float(scopes[scope]) for scope in ("site", "source", "account")},
        ),
        Reading(
            "operator_rules",
            "Standing rules of operators.",
            ("kind",),
            {(kind,): float(kinds[kind]) for kind in (levers.PAUSE, levers.REROUTE)},
        ),
    ]
