"""Requests and replies of the operations on dynamic pools."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from postwright.kernel.http import InvalidParameter, dates
from postwright.kernel.http.paging import Limit, Links, Offset

from ..health import Band, Health
from ..records import Pool


class SetUp(msgspec.Struct, kw_only=True):
    """The addresses of the pools."""

    good_reputation: list[str] = []
    poor_reputation: list[str] = []
    new_senders: list[str] = []


class ChangeIps(msgspec.Struct, kw_only=True):
    """Addresses to put into a pool, and to take out."""

    add_ip: list[str] = []
    remove_ip: list[str] = []


class DynamicPool(msgspec.Struct):
    """A pool."""

    id: str
    account_id: str
    name: str
    enabled: bool
    ips: list[str]


class DynamicPools(msgspec.Struct):
    """The pools, and their addresses by the names of the set-up."""

    pools: list[DynamicPool]
    good_reputation: list[str]
    poor_reputation: list[str]
    new_senders: list[str]

    @classmethod
    def of(cls, held: Sequence[tuple[Pool, list[str]]]) -> "DynamicPools":
        """Pools as answers show them."""
        ips = {pool.name: ips for pool, ips in held}
        return cls(
            [DynamicPool(pool.id, pool.account_id, pool.name, True, ips) for pool, ips in held],
            ips.get(Band.GOOD, []),
            ips.get(Band.POOR, []),
            ips.get(Band.NEW, []),
        )


class SetUpDone(msgspec.Struct):
    """The addresses of the pools, after a set-up."""

    good_reputation: list[str]
    poor_reputation: list[str]
    new_senders: list[str]
    message: str = "success"


class Enrol(msgspec.Struct, kw_only=True):
    """What a domain sends from while its pool has no usable address."""

    replacement_ip: str = ""


class EnrolAll(msgspec.Struct, kw_only=True):
    """Whose domains."""

    include_subaccounts: bool = False


class Leave(msgspec.Struct, kw_only=True):
    """What a domain sends from after it left; `replacement_ip` may be `shared`."""

    replacement_ip: list[str] = []
    replacement_pool_id: str = ""


class ListAssignable(Offset, kw_only=True):
    """Which domains; `domain` is a regular expression."""

    default: ClassVar[int] = 1000
    most: ClassVar[int] = 10_000

    subaccount_id: str = ""
    domain: str = ""


class Assignable(msgspec.Struct):
    """A domain that could be enrolled."""

    id: str
    name: str
    account_id: str


class Assignables(msgspec.Struct):
    """Domains that could be enrolled."""

    items: list[Assignable]
    message: str = "success"


class Override(msgspec.Struct, kw_only=True):
    """The name of a pool."""

    pool: str = ""


class MetricResult(msgspec.Struct):
    """A metric, and the pool for which it speaks."""

    value: float
    band: str


class Previewed(msgspec.Struct):
    """Where a check would put a domain."""

    pool: str
    results: dict[str, MetricResult]

    @classmethod
    def of(cls, band: str, health: Health) -> "Previewed":
        """What a check said, as answers show it."""
        shown = {name: MetricResult(each.value, each.band) for name, each in health.results.items()}
        return cls(band, shown)


class CapitalLinks(msgspec.Struct, rename="pascal"):
    """Links around a page, under the names that these lists give them (behaviour.md 15.3)."""

    first: str
    next: str
    previous: str
    last: str

    @classmethod
    def of(cls, links: Links) -> "CapitalLinks":
        """The same links."""
        return cls(links.first, links.next, links.previous, links.last)


class ListEnrolled(Limit, kw_only=True):
    """Which enrolled domains."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 100

    account: list[str] = []
    pool: list[str] = []
    sort_by: Literal["name", "bounce_rate", "complaint_rate"] = "name"
    sort_order: Literal["ascending", "descending"] = "ascending"
    page: str = ""


class Enrolled(msgspec.Struct):
    """An enrolled domain, with its figures at the last check."""

    id: str
    name: str
    account_id: str
    account_name: str
    pool: str
    override: bool
    bounce_rate: float | None
    complaint_rate: float | None
    processed_count: int | None
    registered_at: str

    @classmethod
    def of(cls, row: Any) -> "Enrolled":
        """A row as answers show it."""
        return cls(
            row.domain_id,
            row.name,
            row.account_id,
            row.account_name or "",
            row.band,
            row.override,
            row.bounce_rate,
            row.complaint_rate,
            row.processed_count,
            dates.rfc3339(row.registered_at),
        )


class EnrolledDomains(msgspec.Struct):
    """Enrolled domains."""

    items: list[Enrolled]
    paging: CapitalLinks
    total_items: int


class ListMoves(Limit, kw_only=True):
    """Which moves of a domain; times in any format of dates."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 100

    before: str = ""
    after: str = ""
    moved_to: str = ""
    moved_from: str = ""
    page: str = ""

    def moment(self, name: str) -> int | None:
        """A time of the parameters. Raises InvalidParameter."""
        text = getattr(self, name)
        try:
            return dates.parse(text) if text else None
        except ValueError as wrong:
            raise InvalidParameter(name, "a date such as Mon, 02 Jan 2006 15:04:05 MST expected") from wrong


class ListAllMoves(ListMoves, kw_only=True):
    """Which moves of an account's domains. The description of this list spells `Limit` so."""

    capital_limit: int = msgspec.field(default=0, name="Limit")
    include_subaccounts: bool = False
    domain: str = ""

    def __post_init__(self) -> None:
        self.limit = self.limit or self.capital_limit
        super().__post_init__()


class Move(msgspec.Struct):
    """How a domain came from one pool to another."""

    id: str
    owning_account_id: str
    account_id: str
    account_name: str
    domain_id: str
    domain_name: str
    prev_band: str
    new_band: str
    reason: str
    bounce_rate: float | None
    complaint_rate: float | None
    processed_count: int | None
    initiated_by: str
    timestamp: str

    @classmethod
    def of(cls, row: Any) -> "Move":
        """A row as answers show it."""
        return cls(
            row.id,
            row.owner_id,
            row.account_id,
            row.account_name or "",
            row.domain_id,
            row.domain_name or "",
            row.prev_band,
            row.new_band,
            row.reason,
            row.bounce_rate,
            row.complaint_rate,
            row.processed_count,
            row.initiated_by,
            dates.rfc3339(row.at),
        )


class Moves(msgspec.Struct):
    """Moves, the newest first."""

    items: list[Move]
    paging: CapitalLinks
    total_items: int


class DomainMoves(Moves):
    """Moves of one domain. The newest stands beside the list too: the description of this list shows only a move."""

    id: str | UnsetType = UNSET
    owning_account_id: str | UnsetType = UNSET
    account_id: str | UnsetType = UNSET
    account_name: str | UnsetType = UNSET
    domain_id: str | UnsetType = UNSET
    domain_name: str | UnsetType = UNSET
    prev_band: str | UnsetType = UNSET
    new_band: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    bounce_rate: float | UnsetType | None = UNSET
    complaint_rate: float | UnsetType | None = UNSET
    processed_count: int | UnsetType | None = UNSET
    initiated_by: str | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET

    @classmethod
    def of(cls, moves: Moves) -> "DomainMoves":
        """Moves, with the newest of them."""
        newest = msgspec.structs.asdict(moves.items[0]) if moves.items else {}
        return cls(moves.items, moves.paging, moves.total_items, **newest)
