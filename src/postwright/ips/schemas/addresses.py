"""Requests and replies of the operations on addresses and pools."""

from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from postwright.kernel.http import dates
from postwright.kernel.http.paging import Offset

from ..errors import BadIp


class Done(msgspec.Struct):
    """What was done."""

    message: str


class Started(msgspec.Struct):
    """What goes on in the background."""

    message: str
    reference_id: str


class ListIps(msgspec.Struct, kw_only=True):
    """Which addresses to list."""

    dedicated: bool | None = None
    enabled: bool | None = None


class IpOnList(msgspec.Struct):
    """An address on a list."""

    ip: str
    is_on_warmup: bool


class Ips(msgspec.Struct):
    """Addresses."""

    items: list[str]
    total_count: int
    details: list[IpOnList]
    assignable_to_pools: list[str] | UnsetType = UNSET


class IpShown(msgspec.Struct):
    """One address."""

    ip: str
    dedicated: bool
    rdns: str


class Allowed(msgspec.Struct):
    """How many addresses the account may still ask for."""

    dedicated: int
    shared: int


class Quota(msgspec.Struct):
    """How many addresses the account may still ask for."""

    allowed: Allowed


class Band(msgspec.Struct, kw_only=True):
    """A band of addresses."""

    ip_band: str = ""


class DomainsQuery(Offset, kw_only=True):
    """Which domains to list; the words of `search` are alternatives."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000

    search: str = ""


class DomainOfIp(msgspec.Struct):
    """A domain, and what it sends from."""

    domain: str
    ips: list[str]


class DomainsOfIp(msgspec.Struct):
    """Domains that send from an address."""

    items: list[DomainOfIp]
    total_count: int


class Alternative(msgspec.Struct, kw_only=True):
    """What takes the place of an address."""

    alternative: str = ""


class AddIp(msgspec.Struct, kw_only=True):
    """An address or a pool for a domain."""

    ip: str = ""
    pool_id: str = ""


class DomainIps(msgspec.Struct):
    """What a domain sends from."""

    items: list[str]
    total_count: int


class DetailQuery(Offset, kw_only=True):
    """Which addresses; ids, or the words `any` and `none`."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000

    pool_id: str = ""
    domain_id: str = ""
    subaccount_id: str = ""
    ip: str = ""
    sort_by: str = ""
    sort_order: Literal["ascending", "descending"] = "ascending"


class IpDetail(msgspec.Struct):
    """An address, once for each account that has it."""

    address: str
    parent_account_id: str
    account_id: str
    pool_ids: list[str]
    dedicated: bool
    created_at: str
    pool_last_modified_at: str
    domains_last_modified_at: str

    @classmethod
    def of(cls, row: Any, account_id: str) -> "IpDetail":
        """A row as answers show it; `account_id` is who asks."""
        return cls(
            address=row.address,
            parent_account_id=account_id,
            account_id=row.holder,
            pool_ids=[row.pool_id] if row.pool_id else [],
            dedicated=row.dedicated,
            created_at=dates.rfc3339(row.created_at),
            pool_last_modified_at=moment(row.pool_changed_at),
            domains_last_modified_at=moment(row.domains_changed_at),
        )


def moment(at: int) -> str:
    """A time, or Go's zero time for none (behaviour.md 16)."""
    return dates.rfc3339(at) if at else "0001-01-01T00:00:00Z"


class IpDetails(msgspec.Struct):
    """Addresses in detail."""

    items: list[IpDetail]
    total_count: int


class AssignIps(msgspec.Struct, kw_only=True):
    """Which addresses to link to which subaccounts, and to unlink from them."""

    subaccount_id: list[str] = []
    all_subaccounts: bool = False
    link_ip: list[str] = []
    unlink_ip: list[str] = []


class SpillPool(msgspec.Struct):
    """The pool that mail spills over to; "" for none."""

    pool_id: str | None = ""


class Spill(msgspec.Struct):
    """Where mail spills over to."""

    extra_dedicated_ips: SpillPool


class SetSpill(msgspec.Struct, kw_only=True):
    """Where mail shall spill over to."""

    extra_dedicated_ips: SpillPool | None = None

    def pool(self) -> str:
        """The pool, "" for none. Raises BadIp."""
        if self.extra_dedicated_ips is None:
            raise BadIp("extra_dedicated_ips parameter is missing")
        return self.extra_dedicated_ips.pool_id or ""
