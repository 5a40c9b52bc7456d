"""Addresses, pools, and what domains have of them."""

from enum import StrEnum

import msgspec

DEDICATED, DYNAMIC, GOING = "dedicated", "dynamic", "going"  # kinds of pools


class Feature(StrEnum):
    """What can be hidden from an account."""

    POOLS = "dedicated_ip_pools"
    DYNAMIC = "dynamic_ip_pools"
    DETAILS = "detailed_ip_view"
    CENTRAL = "centralized_ip_assignment"
    BANDS = "dedicated_ip_bands"


class Declared(msgspec.Struct, frozen=True):
    """An address as the operator declares it."""

    address: str
    ehlo: str = ""
    dedicated: bool = True
    free: bool = False  # handed out when an account asks for one, not to the first account
    band: str = ""


class SourceIp(msgspec.Struct, frozen=True):
    """An address. Times in microseconds, 0: never."""

    address: str
    ehlo: str
    account_id: str
    dedicated: bool
    band: str
    enabled: bool
    origin: str
    pool_id: str
    created_at: int
    pool_changed_at: int
    domains_changed_at: int


class Pool(msgspec.Struct, frozen=True):
    """A pool."""

    id: str
    account_id: str
    kind: str
    name: str
    description: str
    created_at: int


class Assigned(msgspec.Struct, frozen=True):
    """What a domain sends from."""

    domain_id: str
    account_id: str
    ips: tuple[str, ...] = ()
    pool_id: str = ""
    spill_pool_id: str = ""


class Job(msgspec.Struct, frozen=True):
    """A change of many domains or subaccounts."""

    id: str
    account_id: str
    kind: str
    args: dict[str, list[str]]
    after: str


class Figures(msgspec.Struct, frozen=True):
    """What came of mail."""

    processed: int = 0  # delivered, or refused for good
    bounced: int = 0  # hard
    complained: int = 0
    blocked: int = 0

    def plus(self, other: "Figures") -> "Figures":
        """Both together."""
        return Figures(
            self.processed + other.processed,
            self.bounced + other.bounced,
            self.complained + other.complained,
            self.blocked + other.blocked,
        )


class Granted(msgspec.Struct):
    """The right to send `count` messages until a time; of which day and hour it is."""

    count: int
    until: int
    day: int
    hour: int
