"""Requests and replies of the queue's operators."""

from typing import Any

import msgspec

from postwright.journal import ReplyShown, moment
from postwright.kernel.http.paging import Limit
from postwright.levers import Rule
from postwright.queue import State, Waiting

from .overview import Overview
from .selection import Choice
from .verbs import Report
from .why import Reason


class Scope(msgspec.Struct, kw_only=True):
    """Which recipients: all that is given must be true.

    `all` says that nothing need be given. `everywhere` reaches every account, for the installation's first one.
    """

    account: str = ""
    domain: str = ""
    recipient_domain: str = ""
    provider: str = ""
    tag: str = ""
    source_ip: str = ""
    all: bool = False
    everywhere: bool = False

    @property
    def choice(self) -> Choice:
        """The filters alone."""
        return Choice(**{name: getattr(self, name).strip() for name in Choice.__struct_fields__})


class PauseForm(Scope, kw_only=True):
    """What to hold. `dry_run` only shows what that would be."""

    note: str = ""
    dry_run: bool = False


class ResumeForm(Scope, kw_only=True):
    """Which pause to end: its number, or just the filters it was made with."""

    rule: int | None = None
    dry_run: bool = False


class CancelForm(Scope, kw_only=True):
    """What to fail for good; `after` goes on where an incomplete call ended."""

    after: int = 0
    dry_run: bool = False


class RequeueForm(Scope, kw_only=True):
    """What to try now; mail whose sender chose a later time only with `scheduled`."""

    scheduled: bool = False
    after: int = 0
    dry_run: bool = False


class OfMessageForm(msgspec.Struct, kw_only=True):
    """Which of a message's recipients; all unless one is named."""

    recipient: str = ""


class RerouteForm(Scope, kw_only=True):
    """What to send another way: from source addresses (with commas), from a pool (its id), or over a host:port."""

    to_source_ip: str = ""
    to_pool: str = ""
    to_smarthost: str = ""
    note: str = ""
    dry_run: bool = False


class ListQuery(Limit, kw_only=True):
    """Which recipients to list; `after` is the `next` of the page before."""

    most = 300
    clamps = True

    account: str = ""
    domain: str = ""
    recipient_domain: str = ""
    provider: str = ""
    tag: str = ""
    source_ip: str = ""
    everywhere: bool = False
    state: str = ""  # queued · leased · parked · held
    after: int = 0

    @property
    def choice(self) -> Choice:
        """The filters alone."""
        return Choice(**{name: getattr(self, name).strip() for name in Choice.__struct_fields__})


class WhyQuery(msgspec.Struct, kw_only=True):
    """Which recipient; all unless one is named. `after` is the `next` of the page before."""

    recipient: str = ""
    after: str = ""


class OverviewQuery(msgspec.Struct, kw_only=True):
    """`everywhere`: of every account, for the installation's first one."""

    everywhere: bool = False


class QueueRow(msgspec.Struct):
    """A recipient in the queue. Times are ISO 8601 in UTC."""

    id: int
    account: str
    recipient: str
    state: str
    due_at: str | None
    accepted_at: str | None
    give_up_at: str | None
    attempts: int
    ambiguous: bool
    waits_for: str  # the destination of a parked one, the rule of a held one
    last_code: int
    last_reply: str


class QueuePage(msgspec.Struct):
    """Recipients in the order they were accepted; `next` goes into `after`, null at the end."""

    items: list[QueueRow]
    next: int | None


class RuleShown(msgspec.Struct):
    """A standing rule of an operator."""

    id: int
    kind: str
    filter: dict[str, str]
    target: str | None
    note: str
    created_at: str | None
    created_by: str


class RuleList(msgspec.Struct):
    """Rules, the oldest first."""

    items: list[RuleShown]


class Done(msgspec.Struct):
    """What a lever did, or (`dry_run`) would do: how many recipients, and the first of them.

    `complete` is false when there are more than one call takes: call again, with `next` as `after` if it is there.
    """

    message: str
    dry_run: bool
    count: int
    skipped: int
    complete: bool
    sample: list[QueueRow]
    rules: list[RuleShown]
    next: int | None = None


class WhyShown(msgspec.Struct):
    """Where one recipient is (`state`), the one cause of it (`cause`, in words `text`), since when and until when."""

    recipient: str
    state: str
    cause: str
    text: str
    since: str | None
    next_try: str | None
    attempts: int
    rule: int | None
    last_attempt_at: str | None
    last_host: str
    last_reply: ReplyShown | None


class WhyPage(msgspec.Struct):
    """One entry a recipient; `next` goes into `after`, "" at the end."""

    items: list[WhyShown]
    next: str


class OverviewShown(msgspec.Struct):
    """The queue at a glance."""

    states: dict[str, dict[str, Any]]
    oldest_due: str | None
    recipient_domains: list[dict[str, Any]]
    providers: dict[str, int]
    rules: list[RuleShown]
    suspensions: list[dict[str, Any]]
    delivering: bool
    delivery_seen: str | None


def row_shown(row: Waiting) -> QueueRow:
    """A recipient as answers have it."""
    return QueueRow(
        id=row.id,
        account=row.account_id,
        recipient=row.recipient,
        state=State(row.state).name.lower(),
        due_at=moment(row.due_at),
        accepted_at=moment(row.accepted_at),
        give_up_at=moment(row.give_up_at),
        attempts=row.attempts,
        ambiguous=bool(row.ambiguous),
        waits_for=row.parked.replace("\t", " ") if row.state in (State.PARKED, State.HELD) else "",
        last_code=row.last_code,
        last_reply=row.last_reply,
    )


def rule_shown(rule: Rule) -> RuleShown:
    """A rule as answers have it."""
    return RuleShown(
        id=rule.id,
        kind=rule.kind,
        filter=rule.filter.words,
        target=str(rule.target) if rule.target else None,
        note=rule.note,
        created_at=moment(rule.created_at),
        created_by=rule.created_by,
    )


def done(what: str, report: Report, rules: list[Rule], *, dry_run: bool) -> Done:
    """A report as answers have it."""
    return Done(
        message=f"would {what}" if dry_run else what,
        dry_run=dry_run,
        count=report.count,
        skipped=report.skipped,
        complete=report.complete,
        sample=[row_shown(row) for row in report.sample],
        rules=[rule_shown(rule) for rule in rules],
        next=report.reached or None if not report.complete else None,
    )


def why_shown(reason: Reason) -> WhyShown:
    """A reason as answers have it."""
    last = reason.last
    reply = ReplyShown(last.code, last.enhanced, last.text, last.command) if last and last.code else None
    return WhyShown(
        recipient=reason.recipient,
        state=reason.state,
        cause=reason.cause,
        text=reason.text,
        since=moment(reason.since),
        next_try=moment(reason.next_at),
        attempts=reason.attempts,
        rule=reason.rule or None,
        last_attempt_at=moment(reason.last_at),
        last_host=last.mx_host if last else "",
        last_reply=reply,
    )


def overview_shown(found: Overview) -> OverviewShown:
    """The overview as answers have it."""
    return OverviewShown(
        states={
            name: {"count": depth.count, "oldest_due": moment(depth.oldest_due)}
            for name, depth in found.states.items()
        },
        oldest_due=moment(found.states["due"].oldest_due),
        recipient_domains=[
            {
                "recipient_domain": site.recipient_domain,
                "provider": site.provider,
                "count": site.count,
                "held": site.held,
                "oldest_due": moment(site.oldest_due),
            }
            for site in found.sites
        ],
        providers=dict(found.providers),
        rules=[rule_shown(rule) for rule in found.rules],
        suspensions=[
            {
                "site": each.site,
                "source": each.source,
                "account": each.account_id,
                "rule": each.rule,
                "reason": each.reason,
                "limits": each.limits,
                "since": moment(each.since),
                "until": moment(each.until),
            }
            for each in found.suspended
        ],
        delivering=found.delivering,
        delivery_seen=moment(found.delivery_seen),
    )
