"""Why a message is where it is: for each recipient one state and the one cause that keeps it there."""

from collections.abc import Callable
from typing import Any

import msgspec

from postwright import events, journal, levers, messages, queue
from postwright.kernel.db import Read, last_beat
from postwright.kernel.secrets import Vault
from postwright.levers import PAUSE, Rule, Subject
from postwright.messages import Meta
from postwright.queue import State, Waiting

from .overview import Suspended, active, alive

SHOWN = 100  # recipients of one answer


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Where one recipient is, and why. Times in microseconds; 0: there is none.

    `state`: queued · scheduled · leased · held · ambiguous · delivered · failed · suppressed. `cause` is a word for
    programs, `text` says the same to people.
    """

    recipient: str
    state: str
    cause: str
    text: str
    since: int
    next_at: int = 0
    attempts: int = 0
    rule: int = 0
    last: journal.Record | None = None  # the last attempt
    last_at: int = 0


Make = Callable[..., Reason]


class _Status(msgspec.Struct, rename="kebab"):
    code: int | None = 0
    message: str | None = ""
    description: str | None = ""
    attempt_no: int | None = 0


class _Told(msgspec.Struct, rename="kebab"):
    recipient: str = ""
    reason: str = ""
    delivery_status: _Status = msgspec.field(default_factory=_Status)


_decode = msgspec.json.Decoder(_Told).decode
_ENDS = ("expired", "cancelled", "suppressed")  # what the journal knows better than the event
_SUPPRESSED = (605, 606, 607)  # behaviour.md 5.2


class _Now(msgspec.Struct, frozen=True):
    """What holds at this moment, for all recipients alike."""

    at: int
    delivery_seen: int
    rules: dict[str, Rule]
    suspended: list[Suspended]


def why(
    tx: Read, vault: Vault, now: int, domain_id: str, message_id: str, recipient: str, after: str
) -> tuple[list[Reason], str]:
    """The reasons of up to `SHOWN` recipients behind `after` in order; the last of them, "" at the end.

    Raises MessageNotFound.
    """
    numbers = journal.numbers(tx, vault, domain_id, message_id)
    told = events.of_message(
        tx,
        domain_id,
        message_id.strip("<> "),
        names=("accepted", "delivered", "failed"),
        recipient=recipient,
        limit=20_000,
    )
    outcomes: dict[str, tuple[events.Entry, _Told] | None] = {}
    for entry in told:
        event = _decode(entry.data)
        who = event.recipient.lower()
        if not who:
            continue  # the event of a whole batch
        if entry.name == "accepted":
            outcomes.setdefault(who, None)
        elif entry.name == "delivered" or entry.severity == "permanent":
            outcomes[who] = (entry, event)
    waiting = {
        (row.recipient.lower()): row
        for number in numbers
        for row in queue.of_message(tx, number, recipient, 0, 10_000)
    }
    everybody = sorted(who for who in {*outcomes, *waiting} if who > after)
    some = everybody[:SHOWN]
    around = _Now(
        now,
        last_beat(tx, "delivery"),
        {rule.name: rule for rule in (*levers.rules(tx), *levers.stopped(tx).values())},
        active(tx, now) if waiting else [],
    )
    metas = messages.metas(tx, numbers) if waiting else {}
    found = []
    for who in some:
        row = waiting.get(who)
        records = journal.last(tx, row.message if row else numbers[-1], who)
        last = next(((at, each) for at, each in records if each.outcome != journal.DELAYED), (0, None))
        if row is not None:
            reason = _waiting(row, around, metas.get(row.message), *last)
        else:
            reason = _ended(who, outcomes.get(who), *last)
        found.append(reason)
    return found, some[-1] if len(everybody) > SHOWN else ""


def _waiting(row: Waiting, now: _Now, meta: Meta | None, at: int, last: journal.Record | None) -> Reason:
    def reason(state: str, cause: str, text: str, since: int, next_at: int = 0, **more: Any) -> Reason:
        return Reason(
            recipient=row.recipient,
            state=state,
            cause=cause,
            text=text,
            since=since,
            next_at=next_at,
            attempts=row.attempts,
            last=last,
            last_at=at,
            **more,
        )

    delivering = alive(now.delivery_seen, now.at)
    if row.state == State.HELD:
        rule = now.rules.get(row.parked)
        if rule is None:
            return reason(
                "held", "released", f"{row.parked} has ended, it is about to be released", row.lease_until
            )
        return reason("held", *_by(rule), row.lease_until, rule=rule.id)
    if row.state == State.LEASED:
        if not delivering or row.lease_until < now.at:
            text = "the delivery process that had it has died; it comes back when its lease ends"
            return reason("leased", "lease lost", text, now.delivery_seen, row.lease_until)
        if row.started:
            return reason("leased", "sending", "it is being sent right now", at or row.due_at)
        return reason("leased", "turn", "a delivery process has it and sends it in its turn", row.due_at)
    if row.due_at > now.at:
        return _later(row, reason, last)
    if not delivering:
        since = max(now.delivery_seen, row.due_at)
        return reason("queued", "no delivery process", "no delivery process is running", since)
    rule = _pausing(row, now, meta)
    if rule is not None:
        return reason("held", *_by(rule), max(rule.created_at, row.due_at), rule=rule.id)
    return _due(row, now, reason)


def _later(row: Waiting, reason: Make, last: journal.Record | None) -> Reason:
    """It waits for its time."""
    if row.ambiguous:
        text = "the reply to the whole message was lost, so the server may have it; the same bytes go again later"
        return reason("ambiguous", "reply lost", text, row.accepted_at, row.due_at)
    if row.attempts == 0:
        return reason("scheduled", "scheduled", "its time has not come", row.accepted_at, row.due_at)
    where = f" from {last.mx_host}" if last and last.mx_host else ""
    text = f"waits for the next try after: {row.last_code} {row.last_reply}{where}"
    return reason("queued", "retry", text, row.accepted_at, row.due_at)


def _due(row: Waiting, now: _Now, reason: Make) -> Reason:
    """It is due, and delivery runs."""
    state = "ambiguous" if row.ambiguous else "queued"
    if row.state == State.PARKED:
        site = row.parked.split("\t")[0]
        for each in now.suspended:
            if each.site in ("", site) and each.account_id in ("", row.account_id) and not each.limits:
                scope = " from " + each.source if each.source else ""
                text = f"{each.site or 'everything'}{scope} is suspended: {each.rule} ({each.reason})"
                return reason(state, "suspended", text, each.since, each.until)
        text = f"{site} takes no more at this moment: its connections or its rate are used up"
        return reason(state, "throttled", text, row.due_at)
    return reason(state, "turn", "it is due and goes in its turn", row.due_at)


def _pausing(row: Waiting, now: _Now, meta: Meta | None) -> Rule | None:
    """The rule that will hold it as soon as delivery looks at it."""
    tags = meta.tags if meta else []
    subject = Subject(row.account_id, row.domain_id, row.site, tags, lambda: "")
    for rule in now.rules.values():
        if rule.kind == PAUSE and levers.matches(rule.filter, subject):
            return rule
    return None


def _by(rule: Rule) -> tuple[str, str]:
    if not rule.id:
        return "account", f"held: {rule.note}"
    words = ", ".join(f"{name} {value}" for name, value in rule.filter.words.items()) or "everything"
    return "paused", f"held by {rule.name} ({words}){': ' + rule.note if rule.note else ''}"


def _ended(
    recipient: str, told: tuple[events.Entry, _Told] | None, at: int, last: journal.Record | None
) -> Reason:
    if told is None:
        # No outcome and no row: the domain's queue was emptied, or the message expired before it was sent.
        return Reason(
            recipient=recipient,
            state="failed",
            cause="removed",
            text="it was removed from the queue",
            since=at,
            last=last,
            last_at=at,
        )
    entry, event = told
    status = event.delivery_status
    state = "delivered" if entry.name == "delivered" else "failed"
    if state == "failed" and status.code in _SUPPRESSED:
        state = "suppressed"
    words = " ".join(filter(None, (str(status.code or ""), status.message, status.description)))
    return Reason(
        recipient=event.recipient,
        state=state,
        cause=last.outcome if last and last.outcome in _ENDS else event.reason or state,
        text=words or state,
        since=entry.at,
        attempts=status.attempt_no or 0,
        last=last,
        last_at=at,
    )
