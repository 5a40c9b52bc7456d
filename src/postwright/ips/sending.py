"""What domains send from, and where what is too much for warming addresses goes."""

from collections.abc import Sequence

import msgspec

from postwright.domains import Domain
from postwright.kernel.db import Read, Write

from .addresses import allow, need, parse
from .errors import BadIp, BadPool, PoolNotFound
from .records import DEDICATED, DYNAMIC, Assigned, Feature, Pool, SourceIp
from .store import addresses as store
from .store import pools as pool_store

SHARED = "shared"
MAX_CHOSEN = 100  # addresses of a domain


def assigned(tx: Read, account_id: str, domain_id: str) -> Assigned:
    """What a domain has of its own."""
    return pool_store.assigned(tx, domain_id) or Assigned(domain_id, account_id)


def defaults(tx: Read, account_id: str) -> list[str]:
    """The addresses of domains without a choice of their own: as `Book.choice` has it."""
    granted = pool_store.granted(tx, account_id)
    if granted and (held := pool_store.ips_of(tx, [granted]).get(granted)):
        return held
    found = [each for each in store.of_account(tx, account_id) if each.enabled]
    own = [each.address for each in found if each.dedicated and not each.pool_id]
    return own or [each.address for each in found if not each.dedicated]


def ips_of(tx: Read, account_id: str, domain_id: str) -> list[str]:
    """The addresses that a domain's mail leaves from."""
    held = assigned(tx, account_id, domain_id)
    if held.pool_id:
        return pool_store.ips_of(tx, [held.pool_id]).get(held.pool_id, [])
    usable = {each.address for each in store.of_account(tx, account_id) if each.enabled and not each.pool_id}
    return [each for each in held.ips if each in usable] or defaults(tx, account_id)


def save(tx: Write, now: int, wanted: Assigned, *addresses: str) -> None:
    """Change what a domain sends from, as far as that is allowed; `addresses` are those it concerns."""
    pool_store.assign(tx, wanted, store.changed(tx))
    store.touch_domains(tx, addresses, now)


def choose(tx: Write, now: int, account_id: str, domain_id: str, ips: Sequence[str]) -> None:
    """Let a new domain send from these addresses. Raises BadIp."""
    chosen = []
    for text in ips:
        found = store.mine(tx, account_id, text.strip())
        if found is None:
            raise BadIp(f"IP {text.strip()[:64]} does not belong to this account")
        chosen.append(_direct(found).address)
    if len(chosen) > MAX_CHOSEN:
        raise BadIp(f"at most {MAX_CHOSEN} IPs can be assigned to a domain")
    if chosen:
        kept = tuple(dict.fromkeys(chosen))
        save(tx, now, msgspec.structs.replace(assigned(tx, account_id, domain_id), ips=kept), *kept)


def assign_new(tx: Write, now: int, domain: Domain, ips: str, pool_id: str) -> None:
    """What a domain that is being created sends from: addresses with commas, or a pool. Raises BadIp, BadPool."""
    if pool_id and ips:
        raise BadIp("only one of 'ips' and 'pool_id' can be given")
    if pool_id:
        try:
            link_pool(tx, now, domain.account_id, domain.id, pool_id)
        except PoolNotFound as no:
            raise BadPool(no.text) from no  # a bad parameter; only what the path names is "not found"
    else:
        choose(tx, now, domain.account_id, domain.id, [part for part in ips.split(",") if part.strip()])


def _direct(ip: SourceIp) -> SourceIp:
    if ip.pool_id:
        raise BadIp(f"IP {ip.address} belongs to an IP pool; link the domain to the pool")
    return ip


def add_ip(tx: Write, now: int, account_id: str, domain_id: str, text: str) -> None:
    """Let a domain send from one more address. Raises BadIp."""
    if not text.strip():
        raise BadIp("ip parameter is missing")
    found = store.mine(tx, account_id, text.strip())
    if found is None:
        raise BadIp(f"IP {text.strip()[:64]} does not belong to this account")
    held = _unlinked(tx, account_id, domain_id)
    have = [*(held.ips or defaults(tx, account_id))]
    if found.address not in have:
        choose(tx, now, account_id, domain_id, [*have, found.address])


def _unlinked(tx: Read, account_id: str, domain_id: str) -> Assigned:
    held = assigned(tx, account_id, domain_id)
    if held.pool_id:
        raise BadIp("the domain is linked to an IP pool; its IPs can't be changed until it is unlinked")
    return held


def remove_ip(tx: Write, now: int, account_id: str, domain_id: str, text: str) -> None:
    """Take an address from a domain. Raises BadIp."""
    address = parse(text)
    held = _unlinked(tx, account_id, domain_id)
    have = [*(held.ips or defaults(tx, account_id))]
    if address not in have:
        raise BadIp(f"IP {address} is not assigned to the domain")
    left = tuple(each for each in have if each != address)
    if not left and not _has_shared(tx, account_id):
        raise BadIp("the last IP of a domain can't be removed: the account has no shared IPs")
    if not left:
        left = tuple(_shared(tx, account_id))
    save(tx, now, msgspec.structs.replace(held, ips=left), address)


def clear(tx: Write, now: int, account_id: str, domain_id: str) -> None:
    """Take everything of its own from a domain. Raises BadPool."""
    held = _not_enrolled(tx, account_id, domain_id)
    save(tx, now, msgspec.structs.replace(held, ips=(), pool_id=""), *held.ips)


def _not_enrolled(tx: Read, account_id: str, domain_id: str) -> Assigned:
    held = assigned(tx, account_id, domain_id)
    if held.pool_id and _kind(tx, held.pool_id) == DYNAMIC:
        raise BadPool(
            "the domain is enrolled in dynamic IP pools: DELETE /v3/domains/{name}/dynamic_pools takes it out"
        )
    return held


def link_pool(tx: Write, now: int, account_id: str, domain_id: str, pool_id: str) -> None:
    """Let a domain send from a pool, instead of what it had. Raises PoolNotFound, BadPool."""
    pool = pool_store.pool(tx, account_id, pool_id)
    if pool is None:
        raise PoolNotFound(f"IP pool {pool_id[:64]} not found")
    set_pool(tx, now, account_id, domain_id, pool)


def set_pool(tx: Write, now: int, account_id: str, domain_id: str, pool: Pool) -> None:
    """The same with a pool that is known to be allowed. Raises BadPool."""
    if not pool_store.ips_of(tx, [pool.id]):
        raise BadPool(f"IP pool {pool.id} has no IPs: only a pool with IPs can be linked to a domain")
    held = _not_enrolled(tx, account_id, domain_id)
    save(tx, now, msgspec.structs.replace(held, ips=(), pool_id=pool.id), *held.ips)


def unlink_pool(tx: Write, now: int, account_id: str, domain_id: str, *, ip: str, pool_id: str) -> None:
    """Put an address (or `shared`) or another pool in the place of a domain's pool. Raises BadIp, BadPool."""
    allow(tx, account_id, Feature.POOLS)
    if bool(ip) == bool(pool_id):
        raise BadPool("exactly one of 'ip' and 'pool_id' is required")
    held = assigned(tx, account_id, domain_id)
    if not held.pool_id or _kind(tx, held.pool_id) != DEDICATED:
        raise BadPool("the domain is not linked to an IP pool")
    if pool_id:
        link_pool(tx, now, account_id, domain_id, pool_id)
    else:
        replace_pool(tx, now, account_id, domain_id, replacement(tx, account_id, ip))


def replace_pool(tx: Write, now: int, account_id: str, domain_id: str, ips: Sequence[str]) -> None:
    """Give a domain addresses in the place of its pool."""
    held = assigned(tx, account_id, domain_id)
    save(tx, now, msgspec.structs.replace(held, ips=tuple(ips), pool_id=""), *ips)


def replacement(tx: Read, account_id: str, ip: str) -> list[str]:
    """The addresses meant by `ip`, one or `shared`. Raises BadIp, IpNotFound."""
    if ip == SHARED:
        if not _has_shared(tx, account_id):
            raise BadIp("the account is not eligible for shared IPs")
        return _shared(tx, account_id)
    found = _direct(need(tx, account_id, ip))
    if not found.dedicated:
        raise BadIp(f"IP {found.address} is not a dedicated IP")
    return [found.address]


def _shared(tx: Read, account_id: str) -> list[str]:
    found = store.of_account(tx, account_id)
    return [each.address for each in found if not each.dedicated and each.enabled]


def _has_shared(tx: Read, account_id: str) -> bool:
    return bool(_shared(tx, account_id))


def _kind(tx: Read, pool_id: str) -> str:
    pool = pool_store.any_pool(tx, pool_id)
    return pool.kind if pool is not None else ""


# -- spillover


def set_spill(tx: Write, account_id: str, domain_id: str, pool_id: str, warming: frozenset[str]) -> None:
    """Choose the spillover pool of a domain, or (domain "") of the account; "" for none.

    Raises PoolNotFound, BadPool.
    """
    if pool_id:
        if pool_store.pool(tx, account_id, pool_id) is None:
            raise PoolNotFound(f"IP pool {pool_id[:64]} not found")
        held = pool_store.ips_of(tx, [pool_id]).get(pool_id, [])
        if all(each in warming for each in held):
            raise BadPool("the spillover pool must have at least one fully warmed IP")
    if domain_id:
        changed = msgspec.structs.replace(assigned(tx, account_id, domain_id), spill_pool_id=pool_id)
        pool_store.assign(tx, changed, store.changed(tx))
    else:
        store.set_spill(tx, account_id, pool_id)
        store.changed(tx)
