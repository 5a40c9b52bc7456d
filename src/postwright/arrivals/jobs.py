"""The rules of jobs: add, claim, finish, defer, recover."""

from collections.abc import Iterable

import msgspec

from postwright.kernel.clock import SECOND
from postwright.kernel.db import Write
from postwright.kernel.ids import url_token

from . import store
from .records import Arrival, decode_arrival, encode_arrival

LEASE_SECONDS = 5 * 60  # longer than any handler may take
# Seconds until a job comes again: a handler failed, which is our fault, so soon and then slower. For the rest of
# the message's life every hour.
RETRY_SECONDS = (2, 10, 60, 300, 900, 3600)

any_due = store.any_due
forget_domain = store.forget_domain


class Job(msgspec.Struct, frozen=True):
    """A leased recipient."""

    id: int
    recipient: str
    arrival: Arrival
    attempts: int
    token: str


def add(tx: Write, now: int, arrival: Arrival, recipients: Iterable[tuple[int, str]]) -> None:
    """Add a job for each recipient (its number and address), due now."""
    blob = encode_arrival(arrival)
    store.insert_rows(
        tx, [(key, arrival.domain_id, address, blob, 0, now, 0, 0, "", "") for key, address in recipients]
    )


def claim(tx: Write, now: int, count: int) -> list[Job]:
    """Lease up to `count` due jobs to the caller."""
    rows = store.claim(tx, now, now + LEASE_SECONDS * SECOND, url_token(9), count)
    return [
        Job(key, address, decode_arrival(blob), tries, token) for key, address, blob, tries, token in rows
    ]


def finish(tx: Write, job: Job) -> bool:
    """Take a job away for good. False: the lease is lost, nothing may be done."""
    return store.finish(tx, job.id, job.token)


def defer(tx: Write, job: Job, now: int, error: str) -> bool:
    """Let a job come again, after `RETRY_SECONDS`. False: the lease is lost."""
    wait = RETRY_SECONDS[min(job.attempts, len(RETRY_SECONDS) - 1)]
    return store.defer(tx, job.id, job.token, now + wait * SECOND, job.attempts + 1, error[:500])


def recover(tx: Write, now: int, *, everything: bool = False) -> int:
    """Return jobs whose lease ended; `everything`: nobody who could hold one is alive."""
    return store.recover(tx, (1 << 62) if everything else now, now)
