"""Pause, resume, cancel, requeue, reroute: each with a look first, each in the audit log."""

import ipaddress
from collections.abc import Callable, Sequence

import msgspec

from postwright import audit, events, journal, levers, messages, queue
from postwright.audit import Actor
from postwright.delivery import Sources
from postwright.kernel import failpoints
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read, Write
from postwright.levers import PAUSE, REROUTE, BadLever, Filter, Rule, Target
from postwright.messages import Meta, decode_personal, facts
from postwright.queue import State, Waiting

from .selection import BATCH, BEING_HELD, NOT_HELD, Finder, OfMessage, Selection

SAMPLE = 20  # recipients shown of a dry run
CANCEL_BATCH = 100  # events in one transaction: it holds the log while it lasts
CANCELLED = "Cancelled by an operator"

Progress = Callable[[int], None]


class Report(msgspec.Struct, frozen=True):
    """What a lever did, or would do. `complete` is False where the time was up first: call again."""

    count: int
    sample: list[Waiting]
    complete: bool = True
    rule: Rule | None = None
    skipped: int = 0  # that were being sent at that moment
    reached: int = 0  # the recipient it came to: where to go on


class Operator:
    """Somebody who pulls levers. `account_id` is whose audit log tells of it."""

    def __init__(
        self,
        db: Db,
        clock: Clock,
        sources: Sources,
        who: Actor,
        account_id: str,
        *,
        budget: int | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._sources = sources
        self._who = who
        self._account_id = account_id
        self._budget = budget  # batches of one call; None: until it is done

    async def look(self, selection: Selection, progress: Progress | None = None) -> Report:
        """Count what a selection takes, and show the first."""
        finder = Finder(self._db, self._sources, selection)
        count, sample = 0, list[Waiting]()
        batches = 0
        while (batch := await finder.next()) is not None:
            count += len(batch)
            sample += batch[: SAMPLE - len(sample)]
            batches += 1
            if progress is not None:
                progress(count)
            if self._budget is not None and batches >= self._budget:
                return Report(count, sample, complete=False)
        return Report(count, sample)

    async def pause(self, filter: Filter, note: str) -> Report:
        """Hold what matches, from now on and also what comes later, until resumed."""
        seen = await self.look(Selection(filter, NOT_HELD))
        rule = await self._db.write(self._make, PAUSE, filter, None, note)
        return msgspec.structs.replace(seen, rule=rule)

    async def reroute(self, filter: Filter, target: Target, note: str) -> Report:
        """Send what matches another way, from now on and also what comes later, until ended."""
        seen = await self.look(Selection(filter))
        rule = await self._db.write(self._make, REROUTE, filter, target, note)
        return msgspec.structs.replace(seen, rule=rule)

    async def end(self, rules: Sequence[Rule], progress: Progress | None = None) -> Report:
        """End rules; what they held is due as it was before."""
        count = 0
        for rule in rules:
            await self._db.write(self._end, rule)
            failpoints.hit("operations.ended")
            count += await self._release(rule, progress, count)
        return Report(count, [])

    async def cancel(self, selection: Selection, after: int = 0, progress: Progress | None = None) -> Report:
        """Fail what matches for good. What is being sent right now ends as it will."""
        finder = Finder(self._db, self._sources, selection, after)
        return await self._cancel_all(selection.filter.words, finder, progress)

    async def cancel_message(self, message: OfMessage) -> Report:
        """`cancel` for the recipients of one message. Raises MessageNotFound."""
        return await self._cancel_all(message.words, message, None)

    async def requeue(self, selection: Selection, after: int = 0, progress: Progress | None = None) -> Report:
        """Let what waits for a later time be due now."""
        finder = Finder(self._db, self._sources, selection, after)
        return await self._requeue_all(selection.filter.words, finder, progress)

    async def requeue_message(self, message: OfMessage) -> Report:
        """`requeue` for the recipients of one message, also where its sender chose the time."""
        return await self._requeue_all(message.words, message, None)

    async def _cancel_all(
        self, words: dict[str, str], finder: Finder | OfMessage, progress: Progress | None
    ) -> Report:
        return await self._each("queue.cancel", words, finder, self._cancel, CANCEL_BATCH, progress)

    async def _requeue_all(
        self, words: dict[str, str], finder: Finder | OfMessage, progress: Progress | None
    ) -> Report:
        return await self._each("queue.requeue", words, finder, self._hurry, BATCH, progress)

    async def _each(
        self,
        action: str,
        given: dict[str, str],
        finder: Finder | OfMessage,
        act: Callable[[Write, Sequence[Waiting]], int],
        size: int,
        progress: Progress | None,
    ) -> Report:
        words = {"filter": given}
        batch = await finder.next()  # what cannot be understood is refused before anything is noted
        await self._db.write(self._note, action, given, after=words)
        count, skipped, batches, complete = 0, 0, 0, True
        while batch is not None:
            for at in range(0, len(batch), size):
                part = batch[at : at + size]
                done = await self._db.write(act, part)
                failpoints.hit("operations.batch")
                count, skipped = count + done, skipped + len(part) - done
                if progress is not None:
                    progress(count)
            batches += 1
            if self._budget is not None and batches >= self._budget:
                complete = False
                break
            batch = await finder.next()
        counted = words | {"count": count, "skipped": skipped, "complete": complete}
        await self._db.write(self._note, f"{action}.done", given, after=counted)
        return Report(count, [], complete=complete, skipped=skipped, reached=finder.after)

    async def _release(self, rule: Rule, progress: Progress | None, before: int) -> int:
        count = batches = 0
        while self._budget is None or batches < self._budget:
            some = await self._db.write(queue.release, rule.name, self._clock.now())
            failpoints.hit("operations.batch")
            if not some:
                break
            count, batches = count + some, batches + 1
            if progress is not None:
                progress(before + count)
        return count  # what is left is released by delivery

    # -- in transactions

    def _make(self, tx: Write, kind: str, filter: Filter, target: Target | None, note: str) -> Rule:
        now = self._clock.now()
        known = {rule.id for rule in levers.rules(tx)}
        rule = levers.create(tx, now, kind, self._account_id, filter, target, note, self._who.id)
        if rule.id not in known:
            said = {"filter": filter.words, "note": note, "target": str(target) if target else None}
            self._audit(tx, f"queue.{kind}", rule.name, after=said)
        return rule

    def _end(self, tx: Write, rule: Rule) -> None:
        if levers.end(tx, rule.id):
            action = "queue.resume" if rule.kind == PAUSE else "queue.reroute.end"
            self._audit(tx, action, rule.name, before={"filter": rule.filter.words, "note": rule.note})

    def _note(self, tx: Write, action: str, words: dict[str, str], *, after: object) -> None:
        self._audit(tx, action, ", ".join(f"{k}={v}" for k, v in words.items()) or "everything", after=after)

    def _audit(
        self, tx: Write, action: str, object: str, *, before: object = None, after: object = None
    ) -> None:
        now = self._clock.now()
        audit.record(tx, now, self._account_id, self._who, action, object, before=before, after=after)

    def _hurry(self, tx: Write, rows: Sequence[Waiting]) -> int:
        return queue.hurry(tx, (row.id for row in rows), self._clock.now())

    def _cancel(self, tx: Write, rows: Sequence[Waiting]) -> int:
        now = self._clock.now()
        events.hold(tx)  # before the rows, as delivery may hold the log and wait for one of them
        metas = messages.metas(tx, {row.message for row in rows})
        gone = [row for row in rows if queue.cancel(tx, row.id)]
        told = [row for row in gone if row.message in metas]
        events.append(tx, now, [_cancelled(row, metas[row.message]) for row in told])
        record = journal.Record(
            outcome="cancelled", reason="generic", decision="give up: " + CANCELLED.lower()
        )
        journal.note_all(tx, now, ((row, _of(record, row)) for row in gone))
        return len(gone)


def _of(record: journal.Record, row: Waiting) -> journal.Record:
    return msgspec.structs.replace(record, number=row.attempts + 1, description=CANCELLED)


def _cancelled(row: Waiting, meta: Meta) -> events.Event:
    status = {
        "attempt-no": max(row.attempts, 1),
        "code": 0,
        "message": "",
        "description": CANCELLED,
        "enhanced-code": "",
        "session-seconds": 0.0,
        "last-code": row.last_code,
        "last-message": row.last_reply,
        "bounce-type": "soft",
    }
    personal = decode_personal(row.personal) if row.personal else None
    return facts.outcome(
        meta, row.recipient, personal, status, name="failed", severity="permanent", reason="generic"
    )


def chosen_rules(
    tx: Read, kind: str, owner: str | None, filter: Filter | None, number: int | None
) -> list[Rule]:
    """The rules of a kind that an operator means: by number, or those that say just this filter.

    `owner` None: who may reach everybody's. Raises BadLever when there is none.
    """
    found = [
        rule
        for rule in levers.rules(tx)
        if (kind == "" or rule.kind == kind)
        and (owner is None or rule.owner == owner)
        and (number is None or rule.id == number)
        and (filter is None or _same(rule.filter, filter))
    ]
    if not found:
        raise NoSuchRule
    return found


def _same(made: Filter, asked: Filter) -> bool:
    """Whether a rule was made with these filters; who says no account means anybody's."""
    return made == asked or (not asked.account and msgspec.structs.replace(made, account="") == asked)


class NoSuchRule(BadLever):
    """There is no such rule."""

    status = 404
    message = "There is no such rule"


def target(source_ips: str, pool: str, smarthost: str, sources: Sources) -> Target:
    """The other way, from what an operator wrote. Raises BadLever."""
    if [bool(source_ips), bool(pool), bool(smarthost)].count(True) != 1:
        raise BadLever("Give one of to_source_ip, to_pool and to_smarthost")
    if pool:
        if not sources.in_pool(pool.strip()):
            raise BadLever(f"{pool[:200]}: no pool of this installation with an address in it")
        return Target(pool=pool.strip())
    if source_ips:
        addresses = tuple(part.strip() for part in source_ips.split(",") if part.strip())
        unknown = [address for address in addresses if address not in sources.addresses]
        if unknown or not addresses:
            raise BadLever(f"{', '.join(unknown)[:200]}: no source address of this installation")
        return Target(source_ips=addresses)
    host, _, port = smarthost.strip().rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or not _is_host(host.strip("[]")):
        raise BadLever(f"{smarthost[:200]!r} is not host:port")
    return Target(host=host.strip("[]"), port=int(port))


_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= 253 and _LETTERS.issuperset(text)
    return True


def for_requeue(filter: Filter, now: int, *, scheduled: bool) -> Selection:
    """What `requeue` takes: what waits for another try, and scheduled mail only when that is said."""
    return Selection(filter, (int(State.QUEUED),), due_after=now, scheduled=scheduled)


def for_resume(rule: Rule) -> Selection:
    """What ending a rule lets go."""
    return Selection(Filter(), BEING_HELD, rule=rule.name)
