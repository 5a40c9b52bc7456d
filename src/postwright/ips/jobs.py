"""Changes of many domains or subaccounts: a row until they are done, a piece in each transaction."""

import asyncio
import logging
from contextlib import suppress

import msgspec

from postwright.kernel import failpoints
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, StoreUnavailable, Write
from postwright.kernel.ids import hex_id

from . import dynamic, sending
from .errors import BadIp
from .records import Job
from .store import addresses, pools
from .store import dynamic as dynamic_store

log = logging.getLogger("postwright.ips")

PIECE = 100  # domains or subaccounts a transaction
POLL_SECONDS = 0.5


def add(tx: Write, now: int, account_id: str, kind: str, **args: list[str]) -> str:
    """Note a change to be made; its name."""
    job = Job(hex_id(), account_id, kind, args, "")
    addresses.add_job(tx, job, now)
    return job.id


class JobRunner:
    """Makes the changes. Several may run: a piece is taken by who moves its row first."""

    def __init__(self, db: Db, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        while not stop.is_set():
            try:
                waiting = await self._db.read(addresses.next_job) is not None
                if waiting and await self._db.write(step, self._clock.now()):
                    failpoints.hit("ips.piece")
                    continue
            except StoreUnavailable:
                pass
            except Exception:
                log.exception("a change of addresses failed; trying again")
            try:
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)
            except TimeoutError:
                continue


def step(tx: Write, now: int) -> bool:
    """Do one piece of the oldest change. False: there was nothing to do, or another process does it."""
    job = addresses.next_job(tx)
    if job is None:
        return False
    after = _STEPS[job.kind](tx, now, job)
    if not addresses.move_job(tx, job, after):
        raise _Taken
    addresses.changed(tx)
    return True


class _Taken(Exception):
    """Another process did this piece: ours is taken back."""


def _next(ids: list[str]) -> str | None:
    return ids[-1] if len(ids) == PIECE else None


def _add(tx: Write, now: int, job: Job) -> str | None:
    ids = pools.domain_ids(tx, job.account_id, job.after, PIECE)
    for domain_id in ids:
        if not sending.assigned(tx, job.account_id, domain_id).pool_id:
            with suppress(BadIp):  # it went meanwhile, or the domain has as many as it may
                sending.add_ip(tx, now, job.account_id, domain_id, job.args["ips"][0])
    return _next(ids)


def _remove(tx: Write, now: int, job: Job) -> str | None:
    ids = pools.domain_ids(tx, job.account_id, job.after, PIECE)
    (gone,) = job.args["ips"]
    for domain_id in ids:
        held = sending.assigned(tx, job.account_id, domain_id)
        if held.pool_id:
            continue
        have = list(held.ips) or sending.defaults(tx, job.account_id)
        if gone in have:
            left = [each for each in have if each != gone]
            left = list(dict.fromkeys([*left, *job.args["other"]]))
            # A domain that has nothing left sends from what the account has.
            sending.save(tx, now, msgspec.structs.replace(held, ips=tuple(left)), gone, *left)
    return _next(ids)


def _relink(tx: Write, now: int, job: Job) -> str | None:
    """Move the domains of a pool that goes; at the end it is gone."""
    (pool_id,) = job.args["pool"]
    rows = pools.domains_of(tx, pool_id, job.after, PIECE)
    other = pools.any_pool(tx, job.args["other"][0]) if job.args["other"] else None
    for row in rows:
        if other is not None and pools.ips_of(tx, [other.id]):
            sending.set_pool(tx, now, row.account_id, row.id, other)
        else:
            sending.replace_pool(tx, now, row.account_id, row.id, job.args["ips"])
    if len(rows) == PIECE:
        return str(rows[-1].id)
    pools.delete_pool(tx, pool_id)
    return None


def _unlink(tx: Write, now: int, job: Job) -> str | None:
    """Take a pool from the domains of an account that has it no more."""
    (pool_id,) = job.args["pool"]
    if pools.granted(tx, job.account_id) == pool_id:
        return None  # it has it again
    rows = pools.domains_of(tx, pool_id, job.after, PIECE, account_id=job.account_id)
    for row in rows:
        sending.clear(tx, now, job.account_id, row.id)
    return _next([row.id for row in rows])


def _assign(tx: Write, now: int, job: Job) -> str | None:
    chosen = job.args["to"]
    if chosen:
        ids = [each for each in chosen if each > job.after][:PIECE]
    else:
        ids = addresses.children(tx, job.account_id, job.after, PIECE)
    still = [each for each in job.args["link"] if _is_own(tx, job.account_id, each)]
    addresses.link(tx, ids, still, now)
    for account_id in ids:
        # What a subaccount still uses stays: nobody waits for an answer that could say so.
        free = [each for each in job.args["unlink"] if not pools.uses(tx, [account_id], each)]
        addresses.unlink(tx, [account_id], free)
    return _next(ids)


def _enrol(tx: Write, now: int, job: Job) -> str | None:
    """Put all domains of an account (and of its subaccounts) into its dynamic pools."""
    family = dynamic_store.family(job.account_id, subaccounts=bool(job.args["subaccounts"]))
    rows = dynamic_store.outside(tx, family, job.after, PIECE)
    dynamic.enrol_many(tx, now, job.account_id, [(row.id, row.account_id) for row in rows], job.args["by"][0])
    return _next([row.id for row in rows])


def _is_own(tx: Write, account_id: str, address: str) -> bool:
    found = addresses.one(tx, address)
    return found is not None and found.account_id == account_id and not found.pool_id


_STEPS = {
    "add": _add,
    "remove": _remove,
    "relink": _relink,
    "unlink": _unlink,
    "assign": _assign,
    "enrol": _enrol,
}
