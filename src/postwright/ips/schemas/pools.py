"""Requests and replies of the operations on pools."""

from typing import ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from postwright.kernel.http.paging import Limit

from ..pools import Held


class NewPool(msgspec.Struct, kw_only=True):
    """A pool to make."""

    name: str = ""
    description: str = ""
    ip: list[str] = []
    ips: list[str] = []


class ChangePool(msgspec.Struct, kw_only=True):
    """What to change of a pool. Domains by id."""

    name: str | None = None
    description: str | None = None
    add_ip: list[str] = []
    remove_ip: list[str] = []
    link_domain: list[str] = []
    unlink_domain: list[str] = []


class Replacement(msgspec.Struct, kw_only=True):
    """What takes the place of a pool."""

    ip: str = ""
    pool_id: str = ""


class ManyIps(msgspec.Struct, kw_only=True):
    """Addresses."""

    ips: list[str] = []


class PoolInfo(msgspec.Struct):
    """A pool."""

    pool_id: str
    name: str
    description: str
    ips: list[str]
    is_linked: bool
    is_inherited: bool
    linked_domains: list[str] | UnsetType = UNSET

    @classmethod
    def of(cls, held: Held, domains: list[str] | UnsetType = UNSET) -> "PoolInfo":
        """A pool as answers show it."""
        pool = held.pool
        return cls(pool.id, pool.name, pool.description, held.ips, held.linked, held.inherited, domains)


class Pools(msgspec.Struct):
    """Pools."""

    ip_pools: list[PoolInfo]
    message: str = "success"


class PoolMade(msgspec.Struct):
    """A pool that was made."""

    pool_id: str
    message: str = "success"


class PoolShown(msgspec.Struct):
    """One pool."""

    details: PoolInfo
    message: str = "success"


class PoolDomainsQuery(Limit, kw_only=True):
    """Which page of a pool's domains."""

    default: ClassVar[int] = 10
    most: ClassVar[int] = 1000

    page: str = ""


class DomainRef(msgspec.Struct):
    """A domain."""

    id: str
    name: str


class PoolDomains(msgspec.Struct):
    """Domains linked to a pool."""

    domains: list[DomainRef]
    paging: dict[str, str]


class Delegate(msgspec.Struct, kw_only=True):
    """A subaccount."""

    subaccount_id: str = ""


class DelegatePool(msgspec.Struct, kw_only=True):
    """A pool."""

    pool_id: str = ""


class OneIp(msgspec.Struct, kw_only=True):
    """An address."""

    ip: str = ""


class Grant(msgspec.Struct):
    """A pool that a subaccount has."""

    pool_id: str | None
    subaccount_id: str


class Grants(msgspec.Struct):
    """Pools that subaccounts have."""

    items: list[Grant]
    total_count: int
