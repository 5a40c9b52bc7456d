"""What came of an attempt: the queue row's next state and its event, decided in one place."""

from typing import Any

import msgspec

from postwright import archives, events, journal, levers, queue, suppressions
from postwright.failures import Verdict
from postwright.kernel.clock import SECOND
from postwright.kernel.db import Write
from postwright.kernel.settings import Settings
from postwright.messages import LIFETIME, Meta, Personal, build, facts
from postwright.spool import Blob, Spool

from .shaping import numeric_wait
from .trace import Trace

TOO_OLD = 602  # Mailgun's code for a recipient given up for its age (behaviour.md 5.2)
TEST_MODE = 650
GREYLIST_SECONDS = 300  # delivery-engineering.md section 4


class Attempt(msgspec.Struct, kw_only=True):
    """One attempt, as it ended. Seconds where it says so."""

    code: int
    text: str
    enhanced: str = ""
    command: str = ""
    description: str = ""
    mx_host: str = ""
    mx_ip: str = ""
    seconds: float = 0.0
    tls: bool | None = None
    verified: bool | None = None
    utf8: bool | None = None
    sending_ip: str = ""
    ehlo: str = ""  # what we called ourselves
    pool: build.Via | None = None  # the pool of `sending_ip`, if it is in one
    primary_dkim: str = ""
    ambiguous: bool = False  # the reply to the final dot was lost
    answered: bool = False  # a server's reply decided, not our own judgement
    verdict: Verdict | None = None  # None: delivered
    copy: Blob | None = None  # what was delivered, when it is to be archived
    trace: Trace = msgspec.field(default_factory=Trace)

    def status(self, number: int, accepted_at: int, now: int) -> dict[str, Any]:
        """The `delivery-status` of the event, for attempt `number`."""
        status: dict[str, Any] = {
            "attempt-no": number,
            "code": self.code,
            "message": self.text,
            "description": self.description or None,
            "enhanced-code": self.enhanced,
            "session-seconds": round(self.seconds, 3),
        }
        if number == 1:
            status["first-delivery-attempt-seconds"] = round((now - accepted_at) / SECOND, 3)
        if self.mx_host:
            status["mx-host"] = self.mx_host
        if self.mx_ip:
            status["mx-host-ip"] = self.mx_ip
        if self.tls is not None:
            status |= {
                "tls": self.tls,
                "certificate-verified": bool(self.verified),
                "utf8": bool(self.utf8),
            }
        if self.verdict is not None:
            status["bounce-type"] = self.verdict.bounce_type
        return status


def _noted(
    attempt: Attempt | None, outcome: str, status: dict[str, Any], *, next_at: int = 0, reason: str = ""
) -> journal.Record:
    """What the journal says; `decision` in the words of who has to explain it."""
    record = journal.Record(
        outcome=outcome,
        number=status["attempt-no"],
        next_at=next_at,
        decision=_DECISIONS[outcome],
        reason=reason,
        code=status["code"],
        enhanced=status["enhanced-code"],
        text=status["message"],
        description=status["description"] or "",
    )
    if attempt is not None:
        record.code, record.enhanced, record.text = attempt.code, attempt.enhanced, attempt.text
        record.command, record.mx_host, record.mx_ip = attempt.command, attempt.mx_host, attempt.mx_ip
        record.source_ip, record.ehlo, record.seconds = attempt.sending_ip, attempt.ehlo, attempt.seconds
        record.tls, record.verified = attempt.tls, bool(attempt.verified)
        record.description, record.trace = attempt.description, attempt.trace
    return record


_DECISIONS = {
    "delivered": "done",
    "temporary": "try again",
    "ambiguous": "try the same bytes again, later than usual: the server may have it",
    "permanent": "give up: the refusal is for good",
    "expired": "give up: its time is over",
    "suppressed": "give up: the recipient is on a suppression list",
}


def _is_long(item: queue.Item, meta: Meta) -> bool:
    """Whether a recipient is tried for longer than by default."""
    begins = max(item.accepted_at, meta.scheduled_for * SECOND)
    return item.give_up_at - begins > LIFETIME * SECOND


def ambiguous_seconds(settings: Settings) -> float:
    """How long to wait where the receiver may already have the message.

    15 minutes with Mailgun's schedule (delivery-engineering.md 1.3), and in proportion with another.
    """
    schedule = settings.schedule("retry")
    return 1.5 * schedule[0] if schedule else 900.0


def note_unknown(tx: Write, now: int, back: queue.Recovered) -> int:
    """Tell the journal of attempts whose process died before it could; how many recipients came back in all."""
    record = journal.Record(
        outcome="ambiguous",
        next_at=back.due,
        decision=_DECISIONS["ambiguous"],
        description="the process that made this attempt died before it noted how it ended",
    )
    pairs = [(item, msgspec.structs.replace(record, number=item.attempts + 1)) for item in back.unknown]
    journal.note_all(tx, now, pairs)
    return back.count


def release_all(tx: Write, now: int, pause: float) -> int:
    """Return every recipient that was being sent when the last server died; how many. `pause`: ambiguous_seconds."""
    return note_unknown(tx, now, queue.release_all(tx, now, pause))


class Recorder:
    """Turns attempts into queue transitions and events."""

    def __init__(self, settings: Settings, spool: Spool) -> None:
        self._spool = spool
        self._schedule = settings.schedule("retry")
        self.refused: dict[int, str] = {}  # what kept recipients from being tried, until it is counted
        self.ambiguous_seconds = ambiguous_seconds(settings)

    def begin(self, tx: Write, now: int, item: queue.Item, meta: Meta, personal: Personal | None) -> bool:
        """Note that an attempt begins. False: it must not, and what there was to record is recorded."""
        refusal = suppressions.refusal(tx, item.domain_id, item.recipient, meta.tags)
        if refusal is None:
            return queue.start(tx, item, now)
        self.refused[item.id] = refusal.reason
        status = {
            "attempt-no": item.attempts + 1,
            "code": refusal.code,
            "message": "",
            "description": refusal.description,
            "enhanced-code": "",
            "session-seconds": 0.0,
        }
        self._end(
            tx,
            now,
            item,
            meta,
            personal,
            None,
            status,
            name="failed",
            severity="permanent",
            reason=refusal.reason,
            outcome="suppressed",
        )
        return False

    def recover(self, tx: Write, now: int, node: int | None = None) -> int:
        """Return expired leases, or those of a `node` that is dead, to the queue; how many."""
        wait = self.ambiguous_seconds
        back = queue.recover(tx, now, wait) if node is None else queue.recover_of(tx, node, now, wait)
        return note_unknown(tx, now, back)

    def hold(self, tx: Write, now: int, item: queue.Item, rule: levers.Rule) -> bool:
        """Keep a recipient back for an operator's rule. False: the rule has ended meanwhile, or the lease."""
        if not levers.stands(tx, rule):
            queue.give_back(tx, [item], now)
            return False
        if not queue.hold(tx, item, rule.name, now):
            return False
        noted = journal.Record(
            outcome=journal.DELAYED,
            number=item.attempts + 1,
            cause="held",
            decision=f"wait until {rule.name} is ended" if rule.id else "wait until the account may send",
            description=rule.note,
        )
        journal.note(tx, now, item, noted)
        return True

    def record(
        self, tx: Write, now: int, item: queue.Item, meta: Meta, personal: Personal | None, attempt: Attempt
    ) -> bool:
        """Record `attempt`. False: the lease was lost, another worker has the recipient; nothing was changed."""
        number = item.attempts + 1
        status = attempt.status(number, item.accepted_at, now)
        if attempt.verdict is None:
            ended = self._end(tx, now, item, meta, personal, attempt, status, name="delivered")
            if ended and attempt.copy is not None:
                self._archive(tx, now, item, meta, attempt.copy)
            return ended
        if attempt.verdict.permanent:
            reason = attempt.verdict.reason
            return self._end(
                tx,
                now,
                item,
                meta,
                personal,
                attempt,
                status,
                name="failed",
                severity="permanent",
                reason=reason,
            )
        wait = self._wait(number, attempt, _is_long(item, meta))
        due = now + int((wait or 0) * SECOND)
        if wait is None or due >= item.give_up_at:
            return self.give_up(tx, now, item, meta, personal, attempt)
        status["retry-seconds"] = int(wait)
        if not queue.defer(
            tx,
            item,
            due_at=due,
            attempts=number,
            code=attempt.code,
            reply=attempt.text[:1000],
            ambiguous=attempt.ambiguous,
        ):
            return False
        event = facts.outcome(
            meta,
            item.recipient,
            personal,
            status,
            name="failed",
            severity="temporary",
            reason=attempt.verdict.reason,
            primary_dkim=attempt.primary_dkim,
            sending_ip=attempt.sending_ip,
            via=attempt.pool,
            verdict=attempt.verdict,
        )
        events.append(tx, now, [event])
        outcome = "ambiguous" if attempt.ambiguous else "temporary"
        noted = _noted(attempt, outcome, status, next_at=due, reason=attempt.verdict.reason)
        journal.note(tx, now, item, noted)
        return True

    async def keep(self, copy: bytes) -> Blob:
        """Make a delivered copy durable, for the transaction that records its delivery."""
        try:
            return await self._spool.prepare(copy)
        except OSError:
            return Blob(copy)  # it is delivered, whatever the disk says: the transaction carries it itself

    def _archive(self, tx: Write, now: int, item: queue.Item, meta: Meta, copy: Blob) -> None:
        archives.add(
            tx,
            self._spool,
            now,
            key=item.id,  # free from now on
            domain_id=meta.domain_id,
            message_id=meta.message_id,
            recipient=item.recipient,
            url=meta.archive_to,
            copy=copy,
        )

    def give_up(
        self,
        tx: Write,
        now: int,
        item: queue.Item,
        meta: Meta,
        personal: Personal | None,
        attempt: Attempt | None = None,
    ) -> bool:
        """End a recipient for its age; `attempt` is the one that just failed, if any did."""
        last_code = attempt.code if attempt else item.last_code
        last_text = attempt.text if attempt else item.last_reply
        number = item.attempts + (1 if attempt else 0)
        status: dict[str, Any] = {
            "attempt-no": max(number, 1),
            "code": TOO_OLD,
            "message": "Too old",
            "description": None,
            "enhanced-code": "",
            "session-seconds": round(attempt.seconds, 3) if attempt else 0.0,
            "last-code": last_code,
            "last-message": last_text,
        }
        return self._end(
            tx,
            now,
            item,
            meta,
            personal,
            attempt,
            status,
            name="failed",
            severity="permanent",
            reason="old",
            outcome="expired",
        )

    def _end(
        self,
        tx: Write,
        now: int,
        item: queue.Item,
        meta: Meta,
        personal: Personal | None,
        attempt: Attempt | None,
        status: dict[str, Any],
        *,
        name: str,
        severity: str = "",
        reason: str = "",
        outcome: str = "",
    ) -> bool:
        if not queue.finish(tx, item):
            return False
        event = facts.outcome(
            meta,
            item.recipient,
            personal,
            status,
            name=name,
            severity=severity,
            reason=reason,
            primary_dkim=attempt.primary_dkim if attempt else "",
            sending_ip=attempt.sending_ip if attempt else "",
            via=attempt.pool if attempt else None,
            verdict=attempt.verdict if attempt else None,
            archived=attempt is not None and attempt.verdict is None and attempt.copy is not None,
        )
        events.append(tx, now, [event])
        outcome = outcome or ("permanent" if severity else "delivered")
        journal.note(tx, now, item, _noted(attempt, outcome, status, reason=reason))
        return True

    def _wait(self, number: int, attempt: Attempt, is_long: bool) -> float | None:
        """Seconds until the next attempt after number `number`, or None when there is none.

        The schedule's own, without jitter (decision 0011). A first greylisting is over sooner, and a time that
        the reply names is kept, as long as it is none that the schedule does not know. What may wait longer than
        the schedule lasts is tried at its longest wait until its time is over.
        """
        if number > len(self._schedule) and not (is_long and self._schedule):
            return None
        wait: float = self._schedule[number - 1] if number <= len(self._schedule) else max(self._schedule)
        if attempt.answered:
            if number == 1 and attempt.verdict is not None and attempt.verdict.category == "greylist":
                wait = min(wait, GREYLIST_SECONDS)
            asked = numeric_wait(attempt.text)
            if asked is not None:
                wait = min(asked, max(self._schedule))
        return max(wait, self.ambiguous_seconds) if attempt.ambiguous else wait
