"""What is counted, and what is told."""

import msgspec

RETENTION_DAYS = 30
DAY = 86400 * 1_000_000  # microseconds


class Policy(msgspec.Struct, frozen=True):
    """What a recipient domain published when sessions were counted (RFC 8460 §4.2)."""

    domain: str
    type: str  # sts · tlsa · no-policy-found
    strings: tuple[str, ...] = ()  # lines of the MTA-STS policy, or TLSA records
    mx: tuple[str, ...] = ()  # patterns of the MTA-STS policy


class Outcome(msgspec.Struct, frozen=True):
    """How sessions ended: "" is success, everything else a result type of RFC 8460 §4.3."""

    failure: str = ""
    mx_host: str = ""  # these three are told for failures only
    mx_ip: str = ""
    source_ip: str = ""


class Count(msgspec.Struct, frozen=True):
    """Sessions of one day (since the epoch), one policy, one outcome."""

    day: int
    policy: Policy
    outcome: Outcome
    sessions: int


class Report(msgspec.Struct, frozen=True):
    """A report that is due. `done`: to whom it was already given."""

    day: int
    domain: str
    due_at: int
    attempts: int
    done: tuple[str, ...] = ()
