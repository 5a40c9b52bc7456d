"""The `projector` role: everything that reads the event log, and the work that is due by the clock.

Of several processes one, elected through the store, reads the log and does what is due by the clock. Calls and received
messages are claimed row by row: those every process makes.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from postwright import (
    accounts,
    alerts,
    archives,
    arrivals,
    audit,
    certificates,
    domains,
    events,
    forwarding,
    forwards,
    habits,
    ips,
    journal,
    lists,
    messages,
    queue,
    rua,
    suppressions,
    tags,
    templates,
    tlspolicy,
    tracking,
    users,
    webhooks,
)
from postwright.analytics import Ledger, Sealer, forget_retention
from postwright.analytics import forget_domain as forget_sealed
from postwright.capture import Actor
from postwright.habits.projector import HabitProjection
from postwright.ips.projector import ReputationProjection
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Db, StoreUnavailable, Write, forget_nodes
from postwright.suppressions import SuppressionProjection
from postwright.tlsrpt import Reporter
from postwright.webhooks import WebhookProjection, WebhookSender

from . import receiving
from .alerting import alert_sender
from .closing import empty_account
from .context import Context
from .notices import NoticeSender
from .seat import Seat
from .smtp import acceptor
from .tls import own_names

log = logging.getLogger("postwright.projector")

POLL_SECONDS = 0.1
HOUSEKEEPING_SECONDS = 60.0
SWEEP_SECONDS = 1800.0  # between looks at all large bodies
PAUSE_SECONDS = 1.0
DNS_SECONDS = 10.0  # between looks for domains and keys that are due
NODE_SECONDS = 86400  # processes that ended are known for so long
TAIL = 32 * 2**20  # bytes of events that are not in the event table yet, for judging thresholds
ALERT_SECONDS = 15.0  # between looks for thresholds that are due
PROJECTIONS: tuple[events.Projection, ...] = (
    SuppressionProjection(),
    WebhookProjection(),
    HabitProjection(),
    tags.TagProjection(),
    ReputationProjection(),
)


async def run(
    context: Context,
    sockets: dict[str, list[socket.socket]],
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Run every projection and timer until `stop`."""
    sender = WebhookSender(settings=context.settings, db=context.db, clock=context.clock, vault=context.vault)
    reporter = Reporter(
        settings=context.settings,
        db=context.db,
        clock=context.clock,
        acceptor=acceptor(context),
        hostname=context.hostname,
    )
    caller = forwarding.InboundCaller(
        settings=context.settings,
        db=context.db,
        clock=context.clock,
        vault=context.vault,
        spool=context.spool,
    )
    archiver = archives.ArchiveCaller(
        settings=context.settings, db=context.db, clock=context.clock, spool=context.spool
    )
    teller = alert_sender(context)
    evaluator = alerts.Evaluator(
        context.db, context.clock, Ledger(context.settings, context.db, context.clock, tail=TAIL)
    )
    sealer = Sealer(context.settings, context.db, context.clock, apart=True)
    checker = domains.Checker(
        context.settings, context.installation, context.db, context.clock, context.vault
    )
    rotator = domains.Rotator(context.settings, context.db, context.clock, context.vault)
    issuer = certificates.Issuer(
        settings=context.settings,
        db=context.db,
        clock=context.clock,
        vault=context.vault,
        own=own_names(context.settings, context.hostname),
    )
    timers = ips.Timers(context.settings, context.db, context.clock)
    watch = ips.Watch(context.settings, context.db, context.clock, context.hostname, alerts.announce)
    seat = Seat(context)

    def every(seconds: float, job: Callable[[], Awaitable[object]]) -> Awaitable[None]:
        return _every(seconds, job, stop, seat)

    ready()
    await asyncio.gather(
        seat.hold(stop),
        _project(context, stop, seat),
        every(HOUSEKEEPING_SECONDS, lambda: _housekeeping(context)),
        every(SWEEP_SECONDS, lambda: context.spool.sweep(context.db)),
        every(HOUSEKEEPING_SECONDS, reporter.run_once),
        every(HOUSEKEEPING_SECONDS, timers.run_once),
        every(DNS_SECONDS, lambda: _until_none(checker.run_once)),
        every(DNS_SECONDS, lambda: _until_none(rotator.run_once)),
        every(ALERT_SECONDS, evaluator.run_once),
        sealer.run(stop, lambda: seat.ours),
        issuer.run(stop),
        sender.run(stop),
        teller.run(stop),
        NoticeSender(context, acceptor(context)).run(stop),
        caller.run(stop),
        archiver.run(stop),
        receiving.worker(context).run(stop),
        receiving.list_worker(context).run(stop),
        every(DNS_SECONDS, watch.run_once),
        ips.JobRunner(context.db, context.clock).run(stop),
        lists.Uploader(context.db, context.clock).run(stop),
        *([_actor(context).run(stop)] if context.settings.capture else []),
    )


def _actor(context: Context) -> Actor:
    """What plays the recipients of captured mail."""
    listening = (context.settings.listen(name) for name in ("mx", "http"))
    mx, http = (_reachable(*addresses[0]) if addresses else None for addresses in listening)
    return Actor(db=context.db, clock=context.clock, hostname=context.hostname, mx=mx, http=http)


def _reachable(host: str, port: int) -> tuple[str, int]:
    return ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104


async def _project(context: Context, stop: asyncio.Event, seat: Seat) -> None:
    """Let every projection read on, each `POLL_SECONDS`, and on and on only while it is behind.

    A batch costs much more than an event of it: whoever took the next events at once would take them one by one. All
    projections look at the same moments, so that they share what they read, and their writes a commit.
    """
    due = dict.fromkeys(PROJECTIONS, 0.0)
    while not stop.is_set():
        now = time.monotonic()
        if seat.ours:
            looking = [projection for projection, at in due.items() if at <= now]
            due |= zip(looking, await turn(context.db, looking, now), strict=True)
            wait = min(due.values()) - time.monotonic()
        else:
            wait = POLL_SECONDS
        if wait > 0:
            await _pause(stop, wait)


async def turn(db: Db, looking: Sequence[events.Projection], now: float) -> list[float]:
    """Let some projections take in a batch each; when each of them is due again (of the monotonic clock)."""
    try:
        batches = await db.read(events.look, looking)
    except StoreUnavailable:
        return [now + PAUSE_SECONDS] * len(looking)
    except Exception:
        log.exception("the event log cannot be read; trying again")
        return [now + PAUSE_SECONDS] * len(looking)
    done = await asyncio.gather(
        *(each.take(db, batch) for each, batch in zip(looking, batches, strict=True)),
        return_exceptions=True,
    )
    due = []
    for projection, batch, wrong in zip(looking, batches, done, strict=True):
        if wrong is None:
            due.append(now if batch.is_full else now - now % POLL_SECONDS + POLL_SECONDS)
            continue
        # One bad event must not silence the rest for good; the log says which reader stands still.
        if not isinstance(wrong, StoreUnavailable):
            log.error(
                "projection failed; trying again", exc_info=wrong, extra={"projection": projection.name}
            )
        due.append(now + PAUSE_SECONDS)
    return due


async def _housekeeping(context: Context) -> None:
    now = context.clock.now()
    for account_id in await context.db.read(accounts.closed, 20):
        await empty_account(context, account_id)
    for domain_id in await context.db.read(domains.tombstones, 100):
        await _let_go(context, domain_id)
    while await messages.expire(context.db, context.spool, now):
        pass
    before = now - context.settings.event_retention_days * 86400 * SECOND
    while await context.db.write(journal.expire, before):
        pass
    while await context.db.write(audit.expire, now - context.settings.audit_retention_days * 86400 * SECOND):
        pass
    while await context.db.write(rua.expire, now):
        pass
    while await context.db.write(habits.expire, now):
        pass
    while await context.db.write(messages.expire_keys, now):
        pass
    await context.db.write(forget_nodes, now - NODE_SECONDS * SECOND)
    while await context.db.write(tracking.expire, now):
        pass
    await context.db.write(tlspolicy.expire, now)
    await context.db.write(users.expire, now)


async def _until_none(job: Callable[[], Awaitable[int]]) -> None:
    while await job():
        pass


# Each deletes some of what a domain has and says how much that was.
_FORGET: tuple[Callable[[Write, str], int], ...] = (
    queue.purge,
    arrivals.forget_domain,
    rua.forget_domain,
    webhooks.forget_domain,
    suppressions.forget_domain,
    tracking.forget_domain,
    forwarding.forget_domain,
    forwards.forget_domain,
    lists.forget_domain,
    templates.forget_domain,
    tags.forget_domain,
    forget_retention,
    certificates.forget_domain,
    events.forget_domain,
    domains.forget_checks,
    ips.forget_domain,
)


async def _let_go(context: Context, domain_id: str) -> None:
    """Delete what a deleted domain still holds, a piece at a time, and then its tombstone."""
    for forget in _FORGET:
        while await context.db.write(forget, domain_id):
            pass
    while await messages.forget_domain(context.db, context.spool, domain_id):
        pass
    while await archives.forget_domain(context.db, context.spool, domain_id):
        pass
    await journal.forget_domain(context.db, domain_id)
    # What is on its way will tell of it: then once more.
    if await context.db.read(queue.has_domain, domain_id):
        return
    account_id = await context.db.read(domains.account_of_tombstone, domain_id)
    try:
        await forget_sealed(context.settings, context.db, context.clock, account_id, domain_id)
    except Exception:
        log.exception("events of a deleted domain cannot be deleted; trying again", extra={"id": domain_id})
        return
    await context.db.write(domains.forget_tombstone, domain_id)


async def _every(
    seconds: float, job: Callable[[], Awaitable[object]], stop: asyncio.Event, seat: Seat
) -> None:
    while not stop.is_set():
        try:
            if seat.ours:
                await job()
        except Exception:
            log.exception("housekeeping failed; trying again")
        # Who was elected meanwhile need not wait for its turn.
        await _pause(stop, seconds if seat.ours else POLL_SECONDS)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
