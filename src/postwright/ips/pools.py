"""The rules of dedicated pools (behaviour.md 15.2)."""

from collections.abc import Sequence

import msgspec

from postwright.accounts import SubaccountNotFound
from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id

from . import jobs, sending
from .addresses import allow, need_dedicated
from .errors import BadIp, BadPool, PoolNotFound
from .records import DEDICATED, GOING, Feature, Pool
from .store import addresses, pools, warmups

NAME_LENGTH, DESCRIPTION_LENGTH = 64, 1000
MAX_POOLS = 200  # of an account
MAX_CHANGES = 1000  # domains in one call


class Held(msgspec.Struct, frozen=True):
    """A pool with what is known of it."""

    pool: Pool
    ips: list[str]
    linked: bool
    inherited: bool


def listed(tx: Read, account_id: str) -> list[Held]:
    """The pools an account has, that from its parent included."""
    found = pools.pools(tx, account_id)
    ids = [pool.id for pool in found]
    ips, linked = pools.ips_of(tx, ids), pools.linked(tx, ids)
    return [
        Held(pool, ips.get(pool.id, []), pool.id in linked, pool.account_id != account_id) for pool in found
    ]


def need(tx: Read, account_id: str, pool_id: str) -> Pool:
    """A pool that the account has, or has from its parent. Raises PoolNotFound, FeatureOff."""
    allow(tx, account_id, Feature.POOLS)
    found = pools.pool(tx, account_id, pool_id)
    if found is None:
        raise PoolNotFound
    return found


def own(tx: Read, account_id: str, pool_id: str) -> Pool:
    """A pool of the account itself. Raises PoolNotFound, BadPool."""
    found = need(tx, account_id, pool_id)
    if found.account_id != account_id:
        raise BadPool("an IP pool inherited from the parent account can't be changed")
    return found


def one(tx: Read, account_id: str, pool_id: str) -> tuple[Held, list[str]]:
    """A pool, and the names of domains linked to it. Raises PoolNotFound."""
    pool = need(tx, account_id, pool_id)
    names = [row.name for row in pools.domains_of(tx, pool.id, "", MAX_CHANGES, account_id=account_id)]
    ips = pools.ips_of(tx, [pool.id]).get(pool.id, [])
    return Held(pool, ips, bool(names), pool.account_id != account_id), names


def create(tx: Write, now: int, account_id: str, name: str, description: str, ips: Sequence[str]) -> str:
    """Make a pool; its id. Raises BadPool, BadIp, FeatureOff."""
    allow(tx, account_id, Feature.POOLS)
    if len(pools.pools(tx, account_id)) >= MAX_POOLS:
        raise BadPool(f"an account can have at most {MAX_POOLS} IP pools")
    if not name.strip():
        raise BadPool("name parameter is missing")
    pool = Pool(
        id=hex_id(),
        account_id=account_id,
        kind=DEDICATED,
        name=_text("name", name, NAME_LENGTH),
        description=_text("description", description, DESCRIPTION_LENGTH),
        created_at=now,
    )
    pools.insert_pool(tx, pool)
    join(tx, now, pool, ips)
    addresses.changed(tx)
    return pool.id


def _text(what: str, text: str, most: int) -> str:
    if len(text) > most or not text.isprintable():
        raise BadPool(f"{what} is not valid: at most {most} printable characters expected")
    return text.strip()


def join(tx: Write, now: int, pool: Pool, ips: Sequence[str]) -> None:
    """Put addresses into a pool. Raises BadIp, IpNotFound."""
    warming = warmups.warming(tx)
    for text in dict.fromkeys(ips):
        found = need_dedicated(tx, pool.account_id, text)
        if found.pool_id and found.pool_id != pool.id:
            raise BadIp(f"IP {found.address} belongs to another IP pool")
        if found.address in warming:
            raise BadIp(f"IP {found.address} is being warmed up and can't be added to an IP pool")
        addresses.set_ips(tx, [found.address], {"pool_id": pool.id, "pool_changed_at": now})


def leave(tx: Write, now: int, pool: Pool, ips: Sequence[str]) -> None:
    """Take addresses out of a pool. Raises BadIp, BadPool."""
    held = pools.ips_of(tx, [pool.id]).get(pool.id, [])
    gone = [text.strip() for text in dict.fromkeys(ips)]
    for each in gone:
        if each not in held:
            raise BadIp(f"IP {each[:64]} is not in the IP pool")
    if len(gone) == len(held) and pools.linked(tx, [pool.id]):
        raise BadPool("the last IP can't be removed from an IP pool that is linked to domains")
    addresses.set_ips(tx, gone, {"pool_id": "", "pool_changed_at": now})


def add_ips(tx: Write, now: int, account_id: str, pool_id: str, ips: Sequence[str]) -> None:
    """Put addresses into a pool of the account. Raises PoolNotFound, BadPool, BadIp, IpNotFound."""
    pool = own(tx, account_id, pool_id)
    if not ips:
        raise BadPool("ips parameter is missing")
    join(tx, now, pool, ips)
    addresses.changed(tx)


def remove_ip(tx: Write, now: int, account_id: str, pool_id: str, ip: str) -> None:
    """Take an address out of a pool of the account. Raises PoolNotFound, BadPool, BadIp."""
    leave(tx, now, own(tx, account_id, pool_id), [ip])
    addresses.changed(tx)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a pool; domains by id."""

    name: str | None = None
    description: str | None = None
    add: Sequence[str] = ()
    remove: Sequence[str] = ()
    link: Sequence[str] = ()
    unlink: Sequence[str] = ()


def change(tx: Write, now: int, account_id: str, pool_id: str, wanted: Change) -> None:
    """Change a pool. Raises PoolNotFound, BadPool, BadIp, IpNotFound."""
    edits = wanted.name is not None or wanted.description is not None or wanted.add or wanted.remove
    pool = own(tx, account_id, pool_id) if edits else need(tx, account_id, pool_id)
    had = pools.ips_of(tx, [pool.id]).get(pool.id, [])
    values = {}
    if wanted.name is not None:
        values["name"] = _text("name", wanted.name, NAME_LENGTH)
    if wanted.description is not None:
        values["description"] = _text("description", wanted.description, DESCRIPTION_LENGTH)
    values = {key: text for key, text in values.items() if getattr(pool, key) != text}
    if values:
        pools.set_pool(tx, pool.id, values)
    join(tx, now, pool, wanted.add)
    if wanted.remove:
        leave(tx, now, pool, wanted.remove)
    changed = bool(values) or pools.ips_of(tx, [pool.id]).get(pool.id, []) != had
    for domain_id in wanted.link:
        changed |= _link(tx, now, account_id, pool, domain_id)
    for domain_id in wanted.unlink:
        held = sending.assigned(tx, account_id, _domain(tx, account_id, domain_id))
        if held.pool_id != pool.id:
            raise BadPool(f"domain {domain_id[:64]} is not linked to the IP pool")
        sending.clear(tx, now, account_id, domain_id)
        changed = True
    if not changed:
        raise BadPool("nothing to change")
    addresses.changed(tx)


def _domain(tx: Read, account_id: str, domain_id: str) -> str:
    if pools.owner_of(tx, domain_id) != account_id:
        raise BadPool(f"domain {domain_id[:64]} not found")
    return domain_id


def _link(tx: Write, now: int, account_id: str, pool: Pool, domain_id: str) -> bool:
    held = sending.assigned(tx, account_id, _domain(tx, account_id, domain_id))
    if held.pool_id == pool.id:
        return False
    sending.set_pool(tx, now, account_id, domain_id, pool)
    return True


def delete(tx: Write, now: int, account_id: str, pool_id: str, *, ip: str, other: str) -> None:
    """Take a pool apart; its domains get `ip` (an address or `shared`) or the pool `other`.

    Raises PoolNotFound, BadPool, BadIp, IpNotFound.
    """
    pool = own(tx, account_id, pool_id)
    if ip and other:
        raise BadPool("only one of 'ip' and 'pool_id' can be given")
    if pools.linked(tx, [pool.id]) and not (ip or other):
        raise BadPool("the IP pool is linked to domains: a replacement 'ip' or 'pool_id' is required")
    ips: list[str] = []
    if other:
        if other == pool.id or not pools.ips_of(tx, [need(tx, account_id, other).id]):
            raise BadPool("the replacement IP pool must be another one that has at least one IP")
    elif ip:
        ips = sending.replacement(tx, account_id, ip)
    pools.set_pool(tx, pool.id, {"kind": GOING})
    jobs.add(tx, now, account_id, "relink", pool=[pool.id], ips=ips, other=[other] if other else [])
    addresses.changed(tx)


def delegate(tx: Write, now: int, account_id: str, pool_id: str, subaccount_id: str) -> None:
    """Let a subaccount have a pool, instead of the one it had. Raises PoolNotFound, SubaccountNotFound, BadPool."""
    pool = own(tx, account_id, pool_id)
    if not addresses.are_children(tx, account_id, [subaccount_id]):
        raise SubaccountNotFound
    if not pools.ips_of(tx, [pool.id]):
        raise BadPool("only an IP pool with IPs can be delegated")
    before = pools.granted(tx, subaccount_id)
    pools.grant(tx, pool.id, subaccount_id, now)
    if before and before != pool.id:
        jobs.add(tx, now, subaccount_id, "unlink", pool=[before])
    addresses.changed(tx)


def revoke(tx: Write, now: int, account_id: str, pool_id: str, subaccount_id: str) -> None:
    """Take a delegated pool back; domains linked to it are unlinked.

    Raises PoolNotFound, SubaccountNotFound, BadPool.
    """
    pool = own(tx, account_id, pool_id)
    if not addresses.are_children(tx, account_id, [subaccount_id]):
        raise SubaccountNotFound
    if not pools.revoke(tx, pool.id, subaccount_id):
        raise BadPool("the IP pool is not delegated to the subaccount")
    jobs.add(tx, now, subaccount_id, "unlink", pool=[pool.id])
    addresses.changed(tx)
