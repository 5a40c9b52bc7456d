"""What delivery counts. Labels are providers, our own addresses and closed sets of words."""

from postwright import queue
from postwright.kernel.clock import SECOND
from postwright.kernel.metrics import Counter, Gauge, Histogram

from .outcome import Attempt

_LABELS = ("provider", "source", "class")
_DELIVERED = Counter("delivered_total", "Recipients whose message was taken.", ("provider", "source"))
_TEMPORARY = Counter("temporary_failures_total", "Attempts that failed for now.", _LABELS)
_PERMANENT = Counter("permanent_failures_total", "Recipients that were refused for good.", _LABELS)
_AMBIGUOUS = Counter("ambiguous_total", "Attempts whose last reply was lost.").labels()
_ATTEMPTS = Histogram(
    "attempts", "Attempts that a recipient took until it was delivered.", buckets=(1, 2, 3, 4, 5, 6, 7, 10)
).labels()
_SECONDS = Histogram("delivery_seconds", "How long attempts took, by phase.", ("phase",))
_TARDINESS = Histogram("due_tardiness_seconds", "From when a recipient was due to its attempt.").labels()
_CONNECTIONS = Counter("connections_total", "Connections that sent a message first.", ("provider",))
_REUSED = Counter("connection_reuse_total", "Messages sent over a connection that was open.").labels()
_FAILED = Counter("connect_failures_total", "Attempts that reached no host.", ("reason",))
_TLS = Counter("tls_total", "Attempts by how they were encrypted.", ("policy", "result"))
_SUPPRESSED = Counter("suppression_total", "Recipients not tried because of a list.", ("kind",))
_HELD = Counter("held_total", "Recipients that a rule of an operator put aside.").labels()
_EXPIRED_LEASES = Counter("lease_expired_total", "Leases that ended before their work.").labels()
_FULL = Counter(
    "ready_full_total", "Recipients given back because their destination had enough waiting."
).labels()
IN_FLIGHT = Gauge("in_flight", "Recipients that delivery processes have claimed.").labels()

_THROTTLED = Counter(
    "throttled_total",
    "Recipients that had to wait: for a connection or their turn, parked for a full or a suspended destination.",
    ("reason",),
)
_PACE = Gauge(
    "aimd_limit",
    "Connections that a provider has shown to bear, at the site that changed last.",
    ("provider", "source"),
)
_UNCATEGORIZED = Counter("uncategorized_total", "Refusals that no rule recognised.").labels()
_ABORTS = Counter("session_aborts_total", "Sessions that ended without a reply.", ("stage",))

_PHASES = ("dns", "connect", "greeting", "ehlo", "tls", "envelope", "data", "dot")


def began(item: queue.Item, now: int, due_at: int = 0) -> None:
    """An attempt begins."""
    if not item.attempts:
        _TARDINESS.observe(max(0.0, (now - max(due_at, item.accepted_at)) / SECOND))


def ended(item: queue.Item, attempt: Attempt, source: str, provider: str) -> None:
    """An attempt ended and is recorded; `source` is an address of ours, or ""."""
    verdict = attempt.verdict
    if verdict is None:
        _DELIVERED.labels(provider, source).inc()
        _ATTEMPTS.observe(item.attempts + 1)
    elif verdict.permanent:
        _PERMANENT.labels(provider, source, verdict.reason).inc()
    else:
        _TEMPORARY.labels(provider, source, verdict.reason).inc()
    if attempt.ambiguous:
        _AMBIGUOUS.inc()
    if verdict is not None and attempt.answered and not verdict.rule:
        _UNCATEGORIZED.inc()
    if not attempt.mx_host:
        _FAILED.labels(str(attempt.code)).inc()
        return
    trace = attempt.trace
    if trace.reused:
        _REUSED.inc()
    else:
        _CONNECTIONS.labels(provider).inc()
    _TLS.labels(
        trace.tls_policy, "verified" if attempt.verified else "encrypted" if attempt.tls else "clear"
    ).inc()
    for phase in _PHASES:
        seconds: float = getattr(trace.timings, phase)
        if seconds:
            _SECONDS.labels(phase).observe(seconds)


def suppressed(kind: str) -> None:
    """A recipient was not tried."""
    _SUPPRESSED.labels(kind).inc()


def held() -> None:
    """A recipient was put aside."""
    _HELD.inc()


def lost(count: int) -> None:
    """Leases ended."""
    _EXPIRED_LEASES.inc(count)


def waits(reason: str, count: int = 1) -> None:
    """Recipients wait: connections · rate · suspended · throttled."""
    _THROTTLED.labels(reason).inc(count)


def bears(provider: str, source: str, connections: int) -> None:
    """What a receiver has shown to bear has changed; only providers by name, of which there are few."""
    if provider:
        _PACE.labels(provider, source).set(connections)


def aborted(stage: str) -> None:
    """A connection was lost, or given up for its slowness, at a stage of the protocol."""
    _ABORTS.labels(stage).inc()


def overflowed(count: int) -> None:
    """Recipients went back to the queue."""
    _FULL.inc(count)
