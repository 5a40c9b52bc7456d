"""The rules of dynamic pools (behaviour.md 15.3): three of an account, among which its domains move by their figures.

A subaccount's domains are in the pools of its parent. Whose pools they are decides about overrides and leaving: else
who sends badly could choose the good pool.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from postwright.domains import Domain
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id

from . import sending
from .addresses import allow, need_dedicated
from .errors import BadIp, BadPool, NotEnrolled, NotOwner, NotSetUp, OverrideNotFound, PoolNotFound
from .health import WINDOWS, Band, Health, judge, place
from .records import DYNAMIC, Feature, Figures, Pool
from .store import addresses, checks, pools, reputations, warmups
from .store import dynamic as store

HOUR = 3600 * SECOND
HISTORY = 365 * 86400 * SECOND  # microseconds: moves are kept so long
PIECE = 100  # domains in one transaction
MAX_IPS = 100  # of a pool
SYSTEM = "system"
# The parameters of a set-up, and their pools.
SETUP = {"good_reputation": Band.GOOD, "poor_reputation": Band.POOR, "new_senders": Band.NEW}


def owner(tx: Read, account_id: str) -> str:
    """Whose pools the domains of an account are in. Raises FeatureOff."""
    allow(tx, account_id, Feature.DYNAMIC)
    return addresses.parent(tx, account_id) or account_id


def need_owner(tx: Read, account_id: str) -> None:
    """Raise NotOwner for a subaccount, FeatureOff when the account may not use dynamic pools."""
    if owner(tx, account_id) != account_id:
        raise NotOwner


def of_account(tx: Read, account_id: str) -> dict[Band, Pool]:
    """The pools of an account; none before they are set up."""
    return {Band(pool.name): pool for pool in pools.pools(tx, account_id, DYNAMIC)}


def need_pools(tx: Read, owner_id: str) -> dict[Band, Pool]:
    """The same. Raises NotSetUp."""
    found = of_account(tx, owner_id)
    if not found:
        raise NotSetUp
    return found


def listed(tx: Read, account_id: str) -> list[tuple[Pool, list[str]]]:
    """The account's pools with their addresses, the good one first. Raises FeatureOff."""
    found = of_account(tx, owner(tx, account_id))
    ips = pools.ips_of(tx, [pool.id for pool in found.values()])
    return [
        (found[band], ips.get(found[band].id, []))
        for band in (Band.GOOD, Band.POOR, Band.NEW)
        if band in found
    ]


# -- addresses


def set_up(tx: Write, now: int, account_id: str, wanted: Mapping[str, Sequence[str]]) -> None:
    """Make the pools, or replace the addresses in them. `wanted`: by parameter, see `SETUP`.

    Raises NotOwner, BadPool, BadIp, IpNotFound, FeatureOff.
    """
    need_owner(tx, account_id)
    for name in SETUP:
        if not wanted[name]:
            raise BadPool(f"{name} parameter is missing")
    found = of_account(tx, account_id)
    for band in SETUP.values():
        if band not in found:
            found[band] = Pool(hex_id(), account_id, DYNAMIC, band, "", now)
            pools.insert_pool(tx, found[band])
    held = pools.ips_of(tx, [pool.id for pool in found.values()])
    before = [ip for ips in held.values() for ip in ips]
    addresses.set_ips(tx, before, {"pool_id": "", "pool_changed_at": now})
    for name, band in SETUP.items():
        _join(tx, now, found[band], wanted[name])
        _need_warm(tx, found[band])
    addresses.changed(tx)


def _join(tx: Write, now: int, pool: Pool, ips: Sequence[str]) -> None:
    for text in dict.fromkeys(ips):
        found = need_dedicated(tx, pool.account_id, text)
        if found.pool_id and found.pool_id != pool.id:
            raise BadIp(f"IP {found.address} belongs to another IP pool")
        addresses.set_ips(tx, [found.address], {"pool_id": pool.id, "pool_changed_at": now})
    if len(pools.ips_of(tx, [pool.id]).get(pool.id, [])) > MAX_IPS:
        raise BadPool(f"a dynamic IP pool has at most {MAX_IPS} IPs")


def _need_warm(tx: Read, pool: Pool) -> None:
    held = pools.ips_of(tx, [pool.id]).get(pool.id, [])
    if warmups.warming(tx).issuperset(held):
        raise BadPool(f"{pool.name} must have at least one IP that is not being warmed up")


def change(
    tx: Write, now: int, account_id: str, name: str, add: Sequence[str], remove: Sequence[str]
) -> None:
    """Put addresses into a pool and take others out.

    Raises NotOwner, NotSetUp, PoolNotFound, BadPool, BadIp, IpNotFound, FeatureOff.
    """
    need_owner(tx, account_id)
    if name not in list(Band):
        raise PoolNotFound
    pool = need_pools(tx, account_id)[Band(name)]
    if not add and not remove:
        raise BadPool("'add_ip' or 'remove_ip' is required")
    _join(tx, now, pool, add)
    held = pools.ips_of(tx, [pool.id]).get(pool.id, [])
    gone = [text.strip() for text in dict.fromkeys(remove)]
    for each in gone:
        if each not in held:
            raise BadIp(f"IP {each[:64]} is not in the IP pool")
    addresses.set_ips(tx, gone, {"pool_id": "", "pool_changed_at": now})
    _need_warm(tx, pool)
    addresses.changed(tx)


def take_apart(tx: Write, account_id: str) -> None:
    """Delete the pools; their addresses are free again. Raises NotOwner, NotSetUp, BadPool, FeatureOff."""
    need_owner(tx, account_id)
    found = need_pools(tx, account_id)
    if store.enrolled(tx, account_id):
        raise BadPool("domains are enrolled in dynamic IP pools: remove them before the pools")
    for pool in found.values():
        pools.delete_pool(tx, pool.id)
    addresses.changed(tx)


# -- domains


def health(tx: Read, now: int, domain_ids: Sequence[str]) -> dict[str, Health]:
    """What the figures of domains say."""
    scopes = [f"domain:{each}" for each in domain_ids]
    day, month = (reputations.totals(tx, scopes, now - window) for window in WINDOWS)
    return {
        domain_id: judge(day.get(scope, _NOTHING), month.get(scope, _NOTHING))
        for domain_id, scope in zip(domain_ids, scopes, strict=True)
    }


def preview(tx: Read, now: int, domain_id: str) -> tuple[Band, Health]:
    """Where a check would put a domain now, and what its figures say."""
    found, row = health(tx, now, [domain_id])[domain_id], store.one(tx, domain_id)
    current, since = (Band(row.band), row.moved_at) if row is not None else (None, 0)
    return place(found, current, since, now), found


def enrol(tx: Write, now: int, domain: Domain, replacement_ip: str, by: str) -> None:
    """Put a domain into the pool for which its figures speak.

    `replacement_ip` (an address, or `shared`; "" for none): what it sends from while its pool has no usable address.
    Raises NotSetUp, BadPool, BadIp, IpNotFound, FeatureOff.
    """
    owner_id = owner(tx, domain.account_id)
    need_pools(tx, owner_id)
    ips = sending.replacement(tx, domain.account_id, replacement_ip) if replacement_ip else []
    if not enrol_many(tx, now, owner_id, [(domain.id, domain.account_id)], by, ips):
        raise BadPool("the domain is enrolled in dynamic IP pools already")
    addresses.changed(tx)


def enrol_many(
    tx: Write,
    now: int,
    owner_id: str,
    wanted: Sequence[tuple[str, str]],
    by: str = SYSTEM,
    ips: Sequence[str] = (),
) -> int:
    """Enrol domains, given with their accounts; how many were not enrolled before."""
    found = of_account(tx, owner_id)
    if not found:
        return 0
    count = 0
    for domain_id, each in health(tx, now, [domain_id for domain_id, _ in wanted]).items():
        account_id = dict(wanted)[domain_id]
        band = place(each, None, 0, now)
        values = {
            "domain_id": domain_id,
            "owner_id": owner_id,
            "account_id": account_id,
            "band": band,
            "override": False,
            "registered_at": now,
            "moved_at": now,
            "checked_at": now,
            **_figures(each),
        }
        if store.enrol(tx, values):
            held = sending.assigned(tx, account_id, domain_id)
            moved = msgspec.structs.replace(held, ips=tuple(ips), pool_id=found[band].id)
            sending.save(tx, now, moved, *held.ips, *ips)
            _note(tx, now, values, "", band, each.reason(band), by)
            count += 1
    return count


_NOTHING = Figures()


def _figures(found: Health) -> dict[str, Any]:
    return {
        "bounce_rate": found.rate("bounce_rate"),
        "complaint_rate": found.rate("complaint_rate"),
        "processed_count": found.processed if found.processed else None,
    }


def _note(
    tx: Write, now: int, values: Mapping[str, Any], before: str, after: str, reason: str, by: str
) -> None:
    kept = ("domain_id", "owner_id", "account_id", *store.FIGURES)
    store.note(
        tx,
        {
            **{name: values[name] for name in kept},
            "id": hex_id(),
            "prev_band": before,
            "new_band": after,
            "reason": reason,
            "initiated_by": by,
            "at": now,
        },
    )


def remove(tx: Write, now: int, domain: Domain, home_id: str, ips: Sequence[str], pool_id: str) -> None:
    """Take a domain out; it gets addresses (or `shared`) or a dedicated pool. `home_id`: whose key asks.

    Raises NotEnrolled, NotOwner, BadPool, BadIp, IpNotFound, FeatureOff.
    """
    _need(tx, domain, home_id)
    if bool(ips) == bool(pool_id):
        raise BadPool("exactly one of 'replacement_ip' and 'replacement_pool_id' is required")
    if len(ips) > sending.MAX_CHOSEN:
        raise BadIp(f"at most {sending.MAX_CHOSEN} IPs can be assigned to a domain")
    if sending.SHARED in ips and len(ips) > 1:
        raise BadIp("'shared' can't be combined with other IPs")
    chosen = [ip for text in dict.fromkeys(ips) for ip in sending.replacement(tx, domain.account_id, text)]
    store.leave(tx, domain.id)
    sending.replace_pool(tx, now, domain.account_id, domain.id, chosen)
    if pool_id:
        try:
            sending.link_pool(tx, now, domain.account_id, domain.id, pool_id)
        except PoolNotFound as no:
            raise BadPool(no.text) from no  # a bad parameter; what the path names is there
    addresses.changed(tx)


def _need(tx: Write, domain: Domain, home_id: str) -> Any:
    row = store.locked(tx, domain.id)
    if row is None:
        raise NotEnrolled
    allow(tx, home_id, Feature.DYNAMIC)
    if row.owner_id != home_id:
        raise NotOwner
    return row


def override(tx: Write, now: int, domain: Domain, home_id: str, name: str, by: str) -> None:
    """Choose the pool of a domain; checks move it no more. Raises NotEnrolled, NotOwner, BadPool, FeatureOff."""
    row = _need(tx, domain, home_id)
    if name not in list(Band):
        # Clients look for both of these names (the published shape of this refusal).
        raise BadPool(
            f"pool parameter is not valid: one of {', '.join(Band)} expected", Field="pool", Value=name[:64]
        )
    store.change(tx, domain.id, {"override": True})
    if row.band != name:
        _move(tx, now, row, Band(name), {}, "override", by)
        addresses.changed(tx)


def release(tx: Write, domain: Domain, home_id: str) -> None:
    """Leave the pool of a domain to checks again, the next one at once.

    Raises NotEnrolled, NotOwner, OverrideNotFound, FeatureOff.
    """
    if not _need(tx, domain, home_id).override:
        raise OverrideNotFound
    store.change(tx, domain.id, {"override": False, "checked_at": 0})


def _move(
    tx: Write, now: int, row: Any, band: Band, figures: Mapping[str, Any], reason: str, by: str
) -> None:
    """Send a domain's mail from another pool from now on."""
    store.change(tx, row.domain_id, {"band": band, "moved_at": now})
    pool = of_account(tx, row.owner_id)[band]
    held = sending.assigned(tx, row.account_id, row.domain_id)
    sending.save(tx, now, msgspec.structs.replace(held, pool_id=pool.id))
    _note(tx, now, {**row._mapping, **figures}, row.band, band, reason, by)


def check(tx: Write, now: int) -> int:
    """Check domains that were not checked for an hour, and move those whose figures say so; how many there were.

    Several processes may: each domain is taken by who writes first.
    """
    due = store.due(tx, now - HOUR, PIECE)
    moved = 0
    for row, found in zip(due, health(tx, now, [row.domain_id for row in due]).values(), strict=True):
        figures = _figures(found)
        if not store.checked(tx, row, {"checked_at": now, **figures}):
            continue
        band = place(found, Band(row.band), row.moved_at, now)
        if band != row.band:
            _move(tx, now, row, band, figures, found.reason(band), SYSTEM)
            moved += 1
    if moved:
        addresses.changed(tx)
    return len(due)


def forget_domain(tx: Write, domain_id: str) -> int:
    """Nothing is left of a deleted domain; how much there was."""
    gone = reputations.forget(tx, [f"domain:{domain_id}"]) + checks.forget(tx, f"domain:{domain_id}")
    return gone + pools.forget_domain(tx, domain_id) + store.forget_domain(tx, domain_id)
