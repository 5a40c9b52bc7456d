"""What became of encryption, in the words of TLS reports (RFC 8460 §4)."""

from postwright.kernel import metrics
from postwright.tlspolicy import PolicyProblem
from postwright.tlsrpt import Collector, Outcome, Policy

from .demands import Demand
from .destinations import Host, Route

_SESSIONS = metrics.Counter(
    "tls_sessions_total",
    "Sessions by the policy that held for them, and what became of encryption.",
    ("policy", "result"),
)
_POLICIES = metrics.Counter(
    "sts_problems_total", "MTA-STS policies that are announced and cannot be had.", ("result",)
)


class Tally:
    """Tells the collector of sessions and of policies that could not be had."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def count(self, route: Route, host: Host, demand: Demand, failure: str, source: str) -> None:
        """A session with `host`: "" or the result type of its failure."""
        _SESSIONS.labels(demand.policy, failure or "ok").inc()
        outcome = Outcome(failure, host.name, host.address, source) if failure else Outcome()
        self._collector.count(_policy(route.domain, demand), outcome)

    def problem(self, domain: str, problem: PolicyProblem) -> None:
        """The MTA-STS policy of `domain` could not be had."""
        _POLICIES.labels(problem.kind).inc()
        self._collector.count(Policy(domain, "sts"), Outcome(problem.kind, f"mta-sts.{domain}"))


def _policy(domain: str, demand: Demand) -> Policy:
    if demand.policy == "dane":
        return Policy(domain, "tlsa", tuple(str(pin) for pin in demand.all_pins))
    if demand.sts is not None:
        return Policy(domain, "sts", tuple(demand.sts.lines()), demand.sts.mx)
    return Policy(domain, "no-policy-found")
