"""What every process knows of addresses, pools and who sends from what: at most a second old, no query a message."""

from collections.abc import Iterable

import msgspec

from postwright.kernel.db import Db, Read

from .records import Assigned, Pool, SourceIp
from .store import addresses as store
from .store import warmups

# Choices remembered between changes; more are worked out again.
MAX_KEPT = 100_000


class Choice(msgspec.Struct, frozen=True):
    """The addresses a message may leave from, those that take what the first ones cannot, and then the shared ones."""

    first: tuple[str, ...] = ()
    spill: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


class Book:
    """The addresses of the installation, and the rules of who uses which (behaviour.md 15.1)."""

    def __init__(self, db: Db | None) -> None:
        self._db = db
        self._version = -1
        self.addresses: dict[str, SourceIp] = {}
        self.warming: frozenset[str] = frozenset()
        self._pools: dict[str, Pool] = {}
        self._in_pool: dict[str, tuple[str, ...]] = {}
        self._outside: set[str] = set()  # addresses in no pool
        self._own: dict[str, tuple[str, ...]] = {}  # dedicated ones in no pool, by account
        self._shared: tuple[str, ...] = ()
        self._grants: dict[str, str] = {}
        self._spill: dict[str, str] = {}
        self._assigned: dict[str, Assigned] = {}
        self._seen = 0
        self._kept: dict[tuple[str, str, str], Choice] = {}

    async def refresh(self) -> None:
        """Read what changed."""
        if self._db is not None:
            await self._db.read(self._read)

    def _read(self, tx: Read) -> None:
        if store.version(tx) == self._version:
            return
        version, ips, links, pools, grants, spill = store.everything(tx, self._seen)
        for at, assigned in store.assigned_after(tx, self._seen):
            self._assigned[assigned.domain_id] = assigned
            self._seen = max(self._seen, at)
        self.fill(ips, [(row[0], row[1]) for row in links], pools)
        self._grants = {row[0]: row[1] for row in grants}
        self._spill = {row[0]: row[1] for row in spill if row[1]}
        self.warming = warmups.warming(tx)
        self._version = version

    def fill(
        self, ips: Iterable[SourceIp], links: Iterable[tuple[str, str]] = (), pools: Iterable[Pool] = ()
    ) -> None:
        """Replace addresses, links and pools."""
        self.addresses = {each.address: each for each in ips if each.enabled}
        self._pools = {each.id: each for each in pools}
        in_pool: dict[str, list[str]] = {}
        own: dict[str, list[str]] = {}
        for each in self.addresses.values():
            if each.pool_id:
                in_pool.setdefault(each.pool_id, []).append(each.address)
            elif each.dedicated and each.account_id:
                own.setdefault(each.account_id, []).append(each.address)
        for account_id, address in links:
            found = self.addresses.get(address)
            if found is not None and not found.pool_id:
                own.setdefault(account_id, []).append(address)
        self._outside = {each.address for each in self.addresses.values() if not each.pool_id}
        self._in_pool = {key: tuple(value) for key, value in in_pool.items()}
        self._own = {key: tuple(value) for key, value in own.items()}
        self._shared = tuple(each.address for each in self.addresses.values() if not each.dedicated)
        self._kept.clear()

    def assign(self, assigned: Assigned) -> None:
        """Note what a domain sends from."""
        self._assigned[assigned.domain_id] = assigned
        self._kept.clear()

    def pool_of(self, address: str) -> Pool | None:
        """The pool that an address is in."""
        found = self.addresses.get(address)
        return self._pools.get(found.pool_id) if found is not None and found.pool_id else None

    def in_pool(self, pool_id: str) -> tuple[str, ...]:
        """The addresses of a pool, as they are now."""
        return self._in_pool.get(pool_id, ())

    def choice(self, account_id: str, domain_id: str, pool_id: str = "") -> Choice:
        """What mail of a domain leaves from; `pool_id` is one that the message asks for."""
        key = (account_id, domain_id, pool_id)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            found = self._kept[key] = self._choose(account_id, domain_id, pool_id)
        return found

    def _choose(self, account_id: str, domain_id: str, pool_id: str) -> Choice:
        assigned = self._assigned.get(domain_id)
        own = self._own.get(account_id, ())
        first: tuple[str, ...] = self._in_pool.get(pool_id, ()) if pool_id else ()
        if not first and assigned is not None:
            # Beside a dynamic pool stands what takes its place when no address of it is left.
            chosen = tuple(each for each in assigned.ips if each in self._outside)
            first = self._in_pool.get(assigned.pool_id, chosen) if assigned.pool_id else chosen
        granted = self._grants.get(account_id, "")
        first = first or self._in_pool.get(granted, ()) or own or self._shared
        spill_pool = (assigned.spill_pool_id if assigned is not None else "") or self._spill.get(
            account_id, ""
        )
        # What goes over the cap of a warming address goes to the chosen pool, else to other dedicated
        # addresses, else to shared ones (behaviour.md 15.4, 15.5).
        spill, last = (self._in_pool.get(spill_pool, ()), ()) if spill_pool else (own, self._shared)
        return Choice(first, *(tuple(each for each in tier if each not in first) for tier in (spill, last)))
