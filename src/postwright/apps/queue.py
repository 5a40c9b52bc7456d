"""The command `postwright queue`: look at what waits, and pull the levers."""

import argparse
import asyncio
import getpass
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from postwright import accounts, audit, domains, ips, journal, levers
from postwright.delivery import Sources
from postwright.journal import moment
from postwright.kernel.errors import Refused
from postwright.kernel.settings import Settings
from postwright.levers import PAUSE, Filter, Rule
from postwright.operations import (
    NOT_HELD,
    Choice,
    Finder,
    Operator,
    Reason,
    Report,
    Selection,
    chosen_rules,
    for_requeue,
    for_resume,
    overview,
    select,
    target,
    why,
)
from postwright.queue import State, Waiting

from .context import Context, open_context

_FILTERS = (
    ("account", "its account's id"),
    ("domain", "the sending domain"),
    ("recipient-domain", "the domain of the recipient"),
    ("provider", "who runs its mailboxes: Gmail, Outlook, …"),
    ("tag", "a tag of the message"),
    ("source-ip", "the address of ours it would leave from"),
)
_PROGRESS_SECONDS = 0.5

Verb = Callable[["Desk", argparse.Namespace], Awaitable[int]]


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "queue", help="look at what waits to be sent, pause it, try it now, cancel it"
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, (verb, help, options) in _VERBS.items():
        sub = verbs.add_parser(name, help=help, description=help)
        options(sub)
        sub.set_defaults(run=run, verb=verb)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Run one verb; the exit status."""
    if settings.database == "sqlite" and not (settings.data_dir / "state.db").exists():
        print(f"postwright: no installation in {settings.data_dir}", file=sys.stderr)
        return 1
    context = open_context(settings, "cli")
    try:
        status: int = asyncio.run(args.verb(Desk(context), args))
        return status
    except Refused as no:
        print(f"postwright: {no.text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; what was done so far is done", file=sys.stderr)
        return 130
    finally:
        context.db.close_now()


class Desk:
    """Where the operator sits: an installation, and who it is."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.db, self.clock = context.db, context.clock
        self.sources = Sources(ips.Book(context.db), context.hostname)
        account_id = context.db.read_now(accounts.any_account) or ""
        who = audit.Actor("command line", getpass.getuser())
        self.operator = Operator(self.db, self.clock, self.sources, who, account_id)

    async def filter(self, args: argparse.Namespace, *, all: bool = False) -> Filter:
        """What the options say. Raises Refused."""
        choice = Choice(**{name: getattr(args, name) or "" for name in Choice.__struct_fields__})
        return await self.db.read(lambda tx: select(tx, choice, None, everywhere=all or args.all))


# -- the verbs


async def _list(desk: Desk, args: argparse.Namespace) -> int:
    filter = await desk.filter(args, all=True)
    states = (int(State[args.state.upper()]),) if args.state else None
    finder = Finder(desk.db, desk.sources, Selection(filter, states))
    rows: list[Waiting] = []
    while len(rows) < args.limit and (batch := await finder.next()) is not None:
        rows += batch
    _rows(rows[: args.limit])
    if args.summary:
        found = await desk.db.scan(overview, desk.clock.now(), filter.account or None, None)
        print()
        _table(
            ("STATE", "RECIPIENTS", "OLDEST DUE"),
            [(name, str(depth.count), _when(depth.oldest_due)) for name, depth in found.states.items()],
        )
        if not found.delivering:
            print("no delivery process is running")
        for each in found.suspended:
            print(f"suspended until {_when(each.until)}: {each.site or 'all'} {each.source} ({each.reason})")
        _rules(found.rules)
    return 0


async def _show(desk: Desk, args: argparse.Namespace) -> int:
    message_id = args.message_id.strip("<>")
    name = args.domain or message_id.rpartition("@")[2]
    domain = await desk.db.read(domains.of_name, name.lower())
    if domain is None:
        raise domains.DomainNotFound(f"Domain not found: {name}; give it with --domain")
    vault, now = desk.context.vault, desk.clock.now()
    after = ""
    while True:
        reasons, after = await desk.db.scan(
            why, vault, now, domain.id, message_id, args.recipient or "", after
        )
        for reason in reasons:
            _reason(reason)
        if not after:
            break
    records = await desk.db.scan(_records, desk.context, domain.id, message_id, args.recipient)
    print()
    _table(
        ("AT", "RECIPIENT", "NO.", "OUTCOME", "HOST", "FROM", "REPLY", "NEXT"),
        [
            (
                _when(row.at),
                row.recipient,
                str(record.number),
                record.cause or record.outcome,
                f"{record.mx_host} {record.mx_ip}".strip(),
                record.source_ip,
                f"{record.code or ''} {record.enhanced} {record.text}".strip()[:60] or record.decision,
                _when(record.next_at),
            )
            for row, record in records
        ],
    )
    return 0


def _records(tx: Any, context: Context, domain_id: str, message_id: str, recipient: str | None) -> Any:
    return journal.page(
        tx, context.vault, domain_id, message_id, recipient, after=None, before=None, limit=300
    )


async def _pause(desk: Desk, args: argparse.Namespace) -> int:
    filter = await desk.filter(args)
    if args.dry_run:
        return _would("pause", await desk.operator.look(Selection(filter, NOT_HELD), _Progress("seen")))
    report = await desk.operator.pause(filter, args.note)
    assert report.rule is not None
    print(
        f"paused by rule {report.rule.id}: {report.count} recipients now, and what comes until it is resumed"
    )
    return 0


async def _resume(desk: Desk, args: argparse.Namespace) -> int:
    filter = None if args.rule is not None else await desk.filter(args)
    rules = await desk.db.read(chosen_rules, args.kind, None, filter, args.rule)
    if args.dry_run:
        return _would("resume", await desk.operator.look(for_resume(rules[0]), _Progress("seen")))
    report = await desk.operator.end(rules, _Progress("released"))
    numbers = ", ".join(str(rule.id) for rule in rules)
    print(f"ended rule {numbers}: {report.count} recipients released")
    return 0


async def _cancel(desk: Desk, args: argparse.Namespace) -> int:
    selection = Selection(await desk.filter(args))
    if args.dry_run:
        return _would("cancel", await desk.operator.look(selection, _Progress("seen")))
    return _did("cancelled", await desk.operator.cancel(selection, progress=_Progress("cancelled")))


async def _requeue(desk: Desk, args: argparse.Namespace) -> int:
    selection = for_requeue(await desk.filter(args), desk.clock.now(), scheduled=args.scheduled)
    if args.dry_run:
        return _would("requeue", await desk.operator.look(selection, _Progress("seen")))
    return _did("due now", await desk.operator.requeue(selection, progress=_Progress("due now")))


async def _reroute(desk: Desk, args: argparse.Namespace) -> int:
    filter = await desk.filter(args)
    await desk.sources.refresh()
    other = target(args.to_source_ip or "", args.to_pool or "", args.to_smarthost or "", desk.sources)
    if args.dry_run:
        return _would("reroute", await desk.operator.look(Selection(filter), _Progress("seen")))
    report = await desk.operator.reroute(filter, other, args.note)
    assert report.rule is not None
    print(
        f"rerouted to {other} by rule {report.rule.id}: {report.count} recipients now, and what comes until it ends"
    )
    return 0


async def _show_rules(desk: Desk, args: argparse.Namespace) -> int:
    _rules(await desk.db.read(levers.rules), always=True)
    return 0


# -- their options


def _filters(parser: argparse.ArgumentParser) -> None:
    for name, help in _FILTERS:
        parser.add_argument(f"--{name}", metavar="X", help=help)
    parser.add_argument(
        "--all", action="store_true", help="everything; without it at least one filter is needed"
    )


def _acting(parser: argparse.ArgumentParser) -> None:
    _filters(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="only show how many it would be, and the first"
    )


def _listing(parser: argparse.ArgumentParser) -> None:
    _filters(parser)
    parser.add_argument("--state", choices=[state.name.lower() for state in State])
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--summary", action="store_true", help="also the depth by state, and the rules")


def _showing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("message_id", metavar="MESSAGE-ID")
    parser.add_argument("--domain", help="the sending domain, when the Message-Id does not end in it")
    parser.add_argument("--recipient")


def _pausing(parser: argparse.ArgumentParser) -> None:
    _acting(parser)
    parser.add_argument("--note", default="", help="why; shown to who asks where a message is")


def _resuming(parser: argparse.ArgumentParser) -> None:
    _acting(parser)
    parser.add_argument("--rule", type=int, help="the rule's number, instead of its filters")
    parser.set_defaults(kind=PAUSE)


def _ending(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rule", type=int, metavar="NUMBER")
    parser.set_defaults(kind="", dry_run=False, all=False)


def _requeueing(parser: argparse.ArgumentParser) -> None:
    _acting(parser)
    parser.add_argument("--scheduled", action="store_true", help="also mail whose sender chose a later time")


def _rerouting(parser: argparse.ArgumentParser) -> None:
    _pausing(parser)
    parser.add_argument("--to-source-ip", metavar="IP", help="declared source addresses, with commas")
    parser.add_argument("--to-pool", metavar="ID", help="a pool: the addresses that it has when mail leaves")
    parser.add_argument("--to-smarthost", metavar="HOST:PORT")


def _nothing(parser: argparse.ArgumentParser) -> None:
    pass


_VERBS: dict[str, tuple[Verb, str, Callable[[argparse.ArgumentParser], None]]] = {
    "list": (_list, "list recipients that wait", _listing),
    "show": (_show, "say where a message is and why, and every attempt", _showing),
    "rules": (_show_rules, "list pauses and reroutes", _nothing),
    "pause": (_pause, "hold what matches, also what comes later", _pausing),
    "resume": (_resume, "end a pause", _resuming),
    "cancel": (_cancel, "fail what matches for good", _acting),
    "requeue": (_requeue, "try now what waits for its next try", _requeueing),
    "reroute": (_reroute, "send what matches another way, also what comes later", _rerouting),
    "end": (_resume, "end a rule by its number", _ending),
}


# -- what is printed


class _Progress:
    """A count that moves, on a terminal; lines now and then elsewhere."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._next = time.monotonic() + _PROGRESS_SECONDS

    def __call__(self, count: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS_SECONDS
            end = "\r" if sys.stderr.isatty() else "\n"
            print(f"{count} {self._word} …", end=end, file=sys.stderr, flush=True)


def _would(verb: str, report: Report) -> int:
    print(f"would {verb} {report.count} recipients" + (", the first of them:" if report.sample else ""))
    if report.sample:
        _rows(report.sample)
    return 0


def _did(word: str, report: Report) -> int:
    busy = f", {report.skipped} were being sent or had changed" if report.skipped else ""
    print(f"{report.count} recipients {word}{busy}")
    return 0


def _rows(rows: Sequence[Waiting]) -> None:
    if not rows:
        print("nothing waits")
        return
    _table(
        ("ID", "STATE", "DUE", "TRIES", "RECIPIENT", "WAITS FOR", "LAST REPLY"),
        [
            (
                str(row.id),
                State(row.state).name.lower(),
                _when(row.due_at),
                str(row.attempts),
                row.recipient,
                row.parked.replace("\t", " ") if row.state in (State.PARKED, State.HELD) else "",
                f"{row.last_code or ''} {row.last_reply}".strip()[:60],
            )
            for row in rows
        ],
    )


def _rules(rules: Sequence[Rule], *, always: bool = False) -> None:
    if not rules:
        if always:
            print("no rules")
        return
    _table(
        ("RULE", "KIND", "MATCHES", "TO", "SINCE", "BY", "NOTE"),
        [
            (
                str(rule.id),
                rule.kind,
                ", ".join(f"{name}={value}" for name, value in rule.filter.words.items()) or "everything",
                str(rule.target or ""),
                _when(rule.created_at),
                rule.created_by,
                rule.note,
            )
            for rule in rules
        ],
    )


def _reason(reason: Reason) -> None:
    print(f"{reason.recipient}: {reason.state} since {_when(reason.since) or 'unknown'}")
    print(f"  why   {reason.text}")
    if reason.next_at:
        print(f"  next  {_when(reason.next_at)}")


def _when(at: int) -> str:
    text = moment(at)
    return text[:19].replace("T", " ") if text else ""


def _clean(text: str) -> str:
    """What a terminal may be given: replies and addresses are others' words."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [tuple(head), *(tuple(map(_clean, row)) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
