"""A certificate as the rest of the program sees it, and the rules of time."""

import msgspec

from postwright.kernel.clock import SECOND

LEASE_SECONDS = 300.0  # an attempt ends within `issuer.ATTEMPT_SECONDS`
# After each failed attempt in turn; the last one again and again.
WAITS = (60, 300, 900, 3600, 7200, 21600)
MAX_ATTEMPTS = 12  # for a first certificate: two days
# A certificate that could not be renewed is given up this long after its end.
GIVE_UP_SECONDS = 7 * 86400
HOUR = 3600 * SECOND
# Let's Encrypt lets five validations of a host fail in an hour, and refuses the next (its page "Rate Limits").
FAILURES_AN_HOUR = 4


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A host's certificate and order. Times in microseconds; `due_at` None: nothing more is tried."""

    host: str
    account_id: str
    domain_id: str
    state: str
    chain: str
    key: bytes
    issuer: str
    not_before: int
    not_after: int
    changed_at: int
    due_at: int | None
    attempts: int
    failures: list[int]
    lease_until: int
    lease_token: str
    last_error: str
    created_at: int

    def status(self, now: int) -> str:
        """processing · active · expired · error, as the API names it."""
        if self.state == "active" and self.not_after <= now:
            return "expired"
        return self.state

    def usable(self, now: int) -> bool:
        """Whether there is a certificate that clients accept."""
        return bool(self.chain) and self.not_after > now


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What an authority gave. `key` is PEM, not sealed."""

    chain: str
    key: bytes
    issuer: str
    not_before: int
    not_after: int


def renew_at(not_before: int, not_after: int) -> int:
    """When to obtain the next one: at two thirds of the lifetime, as authorities recommend."""
    return not_before + (not_after - not_before) * 2 // 3


def recent(failures: list[int], now: int) -> list[int]:
    """The failures of the last hour."""
    return [at for at in failures if at > now - HOUR]


def not_before_limit(failures: list[int], now: int) -> int:
    """The earliest time of another attempt, so that the authority does not close the door."""
    held = recent(failures, now)
    return now if len(held) < FAILURES_AN_HOUR else held[-FAILURES_AN_HOUR] + HOUR
