"""The queue's operators over HTTP."""

from typing import Any

from litestar import Request

from postwright import accounts, audit, levers
from postwright.accounts import Area, NotAllowed, Principal
from postwright.delivery import Sources
from postwright.domains import DomainNotFound, DomainScope
from postwright.journal import MessageNotFound
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db, Read
from postwright.kernel.http import Controller, delete, get, post
from postwright.kernel.secrets import Vault
from postwright.levers import PAUSE, REROUTE, BadLever, Filter, Rule
from postwright.queue import State

from . import schemas
from .overview import overview
from .schemas import row_shown, rule_shown, why_shown
from .selection import NOT_HELD, Choice, Finder, OfMessage, Selection, select
from .verbs import NoSuchRule, Operator, chosen_rules, for_requeue, for_resume, target
from .why import why

BUDGET = 200  # batches of one call: some seconds; more is for the next call
_ERRORS = (BadLever, NoSuchRule, DomainNotFound)
_PATH = "/postwright/v1/queue"


class Levers(Controller):
    """What waits to be sent, and what an operator does about it."""

    @get(_PATH, id="queue.overview", access=Area.OPERATIONS)
    async def overview(
        self, principal: Principal, db: Db, clock: Clock, fields: schemas.OverviewQuery
    ) -> schemas.OverviewShown:
        """Show the queue at a glance: depth by state, recipient domain and provider, oldest due, rules, suspensions."""
        first = await _is_first(db, principal)
        if fields.everywhere and not first:
            raise NotAllowed
        account_id = None if fields.everywhere else principal.account_id
        owner = None if fields.everywhere else principal.account_id
        return schemas.overview_shown(await db.scan(overview, clock.now(), account_id, owner))

    @get(_PATH + "/recipients", id="queue.list", access=Area.OPERATIONS, errors=_ERRORS)
    async def page(
        self, principal: Principal, db: Db, sources: Sources, fields: schemas.ListQuery
    ) -> schemas.QueuePage:
        """List recipients in the queue, in the order they were accepted."""
        filter = await _filter(db, principal, fields.choice, everywhere=fields.everywhere, all=True)
        names = {state.name.lower(): (int(state),) for state in State}
        if fields.state and fields.state not in names:
            raise BadLever(f"state is one of {', '.join(names)}")
        finder = Finder(db, sources, Selection(filter, names.get(fields.state)), fields.after)
        items: list[schemas.QueueRow] = []
        for _ in range(BUDGET):
            batch = await finder.next()
            if batch is None:
                return schemas.QueuePage(items, None)
            items += [row_shown(row) for row in batch]
            if len(items) >= fields.limit:
                items = items[: fields.limit]
                return schemas.QueuePage(items, items[-1].id)
        return schemas.QueuePage(items, finder.after)

    @get(_PATH + "/rules", id="queue.rules", access=Area.OPERATIONS)
    async def rules(self, principal: Principal, db: Db) -> schemas.RuleList:
        """List the standing rules: pauses and reroutes."""
        owner = None if await _is_first(db, principal) else principal.account_id
        found = await db.read(levers.rules)
        return schemas.RuleList([rule_shown(rule) for rule in found if owner in (None, rule.owner)])

    @delete(_PATH + "/rules/{number:int}", id="queue.rules.end", access=Area.OPERATIONS, errors=(NoSuchRule,))
    async def end(
        self,
        principal: Principal,
        number: int,
        db: Db,
        clock: Clock,
        sources: Sources,
        request: Request[Any, Any, Any],
    ) -> schemas.Done:
        """End a standing rule; what it held is due as it was before."""
        owner = None if await _is_first(db, principal) else principal.account_id
        rules = await db.read(chosen_rules, "", owner, None, number)
        report = await _operator(db, clock, sources, principal, request).end(rules)
        return schemas.done("end", report, rules, dry_run=False)

    @post(_PATH + "/pause", id="queue.pause", access=Area.OPERATIONS, errors=_ERRORS)
    async def pause(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        sources: Sources,
        request: Request[Any, Any, Any],
        fields: schemas.PauseForm,
    ) -> schemas.Done:
        """Hold what matches, also what is accepted later, until it is resumed."""
        filter = await _filter_of(db, principal, fields)
        operator = _operator(db, clock, sources, principal, request)
        if fields.dry_run:
            return schemas.done("pause", await operator.look(Selection(filter, NOT_HELD)), [], dry_run=True)
        report = await operator.pause(filter, _note(fields.note))
        return schemas.done("pause", report, _rules(report.rule), dry_run=False)

    @post(_PATH + "/resume", id="queue.resume", access=Area.OPERATIONS, errors=_ERRORS)
    async def resume(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        sources: Sources,
        request: Request[Any, Any, Any],
        fields: schemas.ResumeForm,
    ) -> schemas.Done:
        """End a pause: by its number, or by the filters it was made with."""
        filter = None if fields.rule is not None else await _filter_of(db, principal, fields)
        owner = None if await _is_first(db, principal) else principal.account_id
        rules = await db.read(chosen_rules, PAUSE, owner, filter, fields.rule)
        operator = _operator(db, clock, sources, principal, request)
        if fields.dry_run:
            return schemas.done("resume", await operator.look(for_resume(rules[0])), rules, dry_run=True)
        return schemas.done("resume", await operator.end(rules), rules, dry_run=False)

    @post(_PATH + "/cancel", id="queue.cancel", access=Area.OPERATIONS, errors=_ERRORS)
    async def cancel(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        sources: Sources,
        request: Request[Any, Any, Any],
        fields: schemas.CancelForm,
    ) -> schemas.Done:
        """Fail what matches for good, with an event for each recipient; what is being sent right now goes out."""
        selection = Selection(await _filter_of(db, principal, fields))
        operator = _operator(db, clock, sources, principal, request)
        if fields.dry_run:
            return schemas.done("cancel", await operator.look(selection), [], dry_run=True)
        return schemas.done("cancel", await operator.cancel(selection, fields.after), [], dry_run=False)

    @post(_PATH + "/requeue", id="queue.requeue", access=Area.OPERATIONS, errors=_ERRORS)
    async def requeue(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        sources: Sources,
        request: Request[Any, Any, Any],
        fields: schemas.RequeueForm,
    ) -> schemas.Done:
        """Try now what waits for its next try."""
        filter = await _filter_of(db, principal, fields)
        selection = for_requeue(filter, clock.now(), scheduled=fields.scheduled)
        operator = _operator(db, clock, sources, principal, request)
        if fields.dry_run:
            return schemas.done("requeue", await operator.look(selection), [], dry_run=True)
        return schemas.done("requeue", await operator.requeue(selection, fields.after), [], dry_run=False)

    @post(_PATH + "/reroute", id="queue.reroute", access=Area.OPERATIONS, errors=(*_ERRORS, NotAllowed))
    async def reroute(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        sources: Sources,
        request: Request[Any, Any, Any],
        fields: schemas.RerouteForm,
    ) -> schemas.Done:
        """Send what matches, also what is accepted later, from other addresses or over a smarthost, until ended.

        Only for the installation's first account: where mail may go is the operator's to decide.
        """
        if not await _is_first(db, principal):
            raise NotAllowed
        filter = await _filter_of(db, principal, fields)
        await sources.refresh()
        other = target(fields.to_source_ip, fields.to_pool, fields.to_smarthost, sources)
        operator = _operator(db, clock, sources, principal, request)
        if fields.dry_run:
            return schemas.done(REROUTE, await operator.look(Selection(filter)), [], dry_run=True)
        report = await operator.reroute(filter, other, _note(fields.note))
        return schemas.done(REROUTE, report, _rules(report.rule), dry_run=False)


class Reasons(Controller):
    """Why a message is where it is."""

    @get(
        "/postwright/v1/{domain:str}/messages/{message_id:str}/why",
        id="journal.why",
        access=Area.LOGS,
        errors=(DomainNotFound, MessageNotFound),
    )
    async def why(
        self,
        tenant: DomainScope,
        message_id: str,
        db: Db,
        clock: Clock,
        vault: Vault,
        fields: schemas.WhyQuery,
    ) -> schemas.WhyPage:
        """Say for each recipient of a message where it is, the one cause, since when, and when it is tried next."""
        found, following = await db.scan(
            why, vault, clock.now(), tenant.domain_id, message_id, fields.recipient, fields.after
        )
        return schemas.WhyPage([why_shown(reason) for reason in found], following)


class OneMessage(Controller):
    """What somebody does about one message that is still in the queue."""

    @post(
        "/postwright/v1/{domain:str}/messages/{message_id:str}/requeue",
        id="queue.message.requeue",
        access=Area.MESSAGES,
        errors=(DomainNotFound, MessageNotFound),
    )
    async def requeue(
        self,
        tenant: DomainScope,
        message_id: str,
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        sources: Sources,
        request: Request[Any, Any, Any],
        fields: schemas.OfMessageForm,
    ) -> schemas.Done:
        """Try now what of a message waits for a later time, also that which its sender chose."""
        found = OfMessage(db, vault, tenant.domain_id, message_id, fields.recipient)
        report = await _operator(db, clock, sources, principal, request).requeue_message(found)
        return schemas.done("requeue", report, [], dry_run=False)

    @post(
        "/postwright/v1/{domain:str}/messages/{message_id:str}/cancel",
        id="queue.message.cancel",
        access=Area.MESSAGES,
        errors=(DomainNotFound, MessageNotFound),
    )
    async def cancel(
        self,
        tenant: DomainScope,
        message_id: str,
        principal: Principal,
        db: Db,
        clock: Clock,
        vault: Vault,
        sources: Sources,
        request: Request[Any, Any, Any],
        fields: schemas.OfMessageForm,
    ) -> schemas.Done:
        """Fail what of a message is still to be sent, for good; what is being sent right now goes out."""
        found = OfMessage(db, vault, tenant.domain_id, message_id, fields.recipient)
        report = await _operator(db, clock, sources, principal, request).cancel_message(found)
        return schemas.done("cancel", report, [], dry_run=False)


async def _is_first(db: Db, principal: Principal) -> bool:
    return await db.read(accounts.any_account) == principal.account_id


async def _filter_of(db: Db, principal: Principal, scope: schemas.Scope) -> Filter:
    return await _filter(db, principal, scope.choice, everywhere=scope.everywhere, all=scope.all)


async def _filter(db: Db, principal: Principal, choice: Choice, *, everywhere: bool, all: bool) -> Filter:
    """The filter; an account's own unless the first one says otherwise. Raises NotAllowed."""
    first = await _is_first(db, principal)
    if not first and (everywhere or choice.account not in ("", principal.account_id)):
        raise NotAllowed
    wide = first and (everywhere or bool(choice.account))

    def found(tx: Read) -> Filter:
        return select(tx, choice, None if wide else principal.account_id, everywhere=all)

    return await db.read(found)


def _operator(
    db: Db, clock: Clock, sources: Sources, principal: Principal, request: Request[Any, Any, Any]
) -> Operator:
    address = request.client.host if request.client else ""
    who = audit.actor(principal, address)
    return Operator(db, clock, sources, who, principal.account_id, budget=BUDGET)


def _note(text: str) -> str:
    return text.replace("\0", "")[:500]


def _rules(rule: Rule | None) -> list[Rule]:
    return [] if rule is None else [rule]


CONTROLLERS = (Levers, Reasons, OneMessage)
