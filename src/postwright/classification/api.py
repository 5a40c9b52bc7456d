"""Classified failures over HTTP."""

from collections import Counter
from typing import Any

from postwright import accounts, domains
from postwright.accounts import Area, Principal
from postwright.analytics import BadQuery, Behind, Busy, Ledger, Predicate, TooLong
from postwright.domains import DomainNotFound
from postwright.failures import Rule, classifier
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, dates, get, post
from postwright.kernel.settings import Settings

from . import entities, service, store
from .entities import Entity
from .errors import BadClassification, Gone
from .schemas import (
    Bounced,
    DomainList,
    DomainsQuery,
    DomainStat,
    EntityList,
    EntityOut,
    EntityStat,
    Identified,
    Metrics,
    MetricsQuery,
    Named,
    PageIn,
    PageOut,
    RuleList,
    RuleOut,
    RuleStat,
    Stat,
    StatList,
    StatsQuery,
    Subaccounts,
)
from .service import Failure, Wanted

_ERRORS = (BadClassification, BadQuery, Busy, TooLong, Behind)
_V1 = "/v1/bounce-classification"
DEFAULT = 10
MOST = 50  # behaviour.md 17
MOST_V1 = 1_000
_GROUPS = ("subaccount.id", "domain.name", "entity-id", "rule-id")


class Classification(Controller):
    """Why mail failed."""

    @post(
        "/v2/bounce-classification/metrics",
        id="bounce_classes.query",
        access=Area.METRICS,
        reads=True,
        errors=_ERRORS,
    )
    async def query(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        settings: Settings,
        ledger: Ledger,
        fields: MetricsQuery,
    ) -> Metrics:
        """Count failures by who said no, why, and other dimensions."""
        now = clock.now()
        retention = settings.analytics_retention_days * 86400 * SECOND
        names = await _names(db, principal, with_children=fields.include_subaccounts)
        wanted = service.understood(fields, now, names, retention)
        page = fields.pagination or PageIn()
        if page.skip < 0 or not 0 <= page.limit <= MOST:
            raise BadClassification(f"limit should be at most {MOST}")
        service.ordered([], page.sort, wanted.dimensions)
        found = await service.items(ledger, wanted, _rules(settings), fields.metrics)
        found = service.ordered(found, page.sort, wanted.dimensions)
        limit = page.limit or DEFAULT
        return Metrics(
            start=dates.offset(wanted.low),
            end=dates.offset(wanted.high),
            resolution=wanted.resolution,
            duration=fields.duration,
            dimensions=list(wanted.dimensions),
            pagination=PageOut(page.sort, page.skip, limit, len(found)),
            items=found[page.skip : page.skip + limit],
        )


class ClassificationV1(Controller):
    """The first edition: bounces alone, of all the time that events are kept in the log."""

    @get(f"{_V1}/stats", id="bounce_classes.stats", access=Area.METRICS, errors=_ERRORS)
    async def stats(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        settings: Settings,
        ledger: Ledger,
        fields: StatsQuery,
    ) -> StatList:
        """Count bounces by account, domain, entity and rule, the most first."""
        groups = [name.strip() for text in fields.group for name in text.split(",") if name.strip()]
        groups = list(dict.fromkeys(groups)) or list(_GROUPS)
        if not set(groups) <= set(_GROUPS):
            raise BadClassification(f"group should be some of {', '.join(_GROUPS)}")
        if not fields.limit >= 0:
            raise BadClassification("limit should not be negative")
        names = await _names(db, principal, with_children=fields.include_subaccounts)
        wanted = _wanted(clock, settings, names, ("account.name", "domain.name"))
        found: Counter[tuple[str, ...]] = Counter()
        about: dict[tuple[str, ...], Failure] = {}
        for each in await _bounces(ledger, wanted, settings):
            account, domain = map(str, each.values)
            told = dict(zip(_GROUPS, (account, domain, each.entity.id, each.rule_id), strict=True))
            key = tuple(told[name] for name in groups)
            found[key] += each.bounces
            about.setdefault(key, each)
        items = []
        for key, total in _ranked(found)[: min(fields.limit or 100, MOST_V1)]:
            made = Stat(bounced=Bounced(total))
            for name, value in zip(groups, key, strict=True):
                match name:
                    case "subaccount.id":
                        made.subaccount = Identified(value)
                    case "domain.name":
                        made.domain = Named(value)
                    case "entity-id":
                        made.entity_id = value
                    case _:
                        rule = about[key].rule
                        made.rule_id, made.short_explanation = value, rule.explanation if rule else ""
            items.append(made)
        return StatList(items)

    @get(f"{_V1}/domains", id="bounce_classes.domains", access=Area.METRICS, errors=_ERRORS)
    async def domains(
        self,
        principal: Principal,
        db: Db,
        clock: Clock,
        settings: Settings,
        ledger: Ledger,
        fields: DomainsQuery,
    ) -> DomainList:
        """Count bounces by domain, the most first."""
        name, _, value = fields.query.partition(":")
        if fields.query and (name.strip() != "domain.name" or not value.strip()):
            raise BadClassification("query should be domain.name:<name>")
        names = await _names(db, principal, with_children=fields.include_subaccounts)
        plain = (Predicate("domain", "=", (value.strip(),)),) if value.strip() else ()
        wanted = _wanted(clock, settings, names, ("domain.name",), plain=plain)
        found: Counter[tuple[str, ...]] = Counter()
        for each in await _bounces(ledger, wanted, settings):
            found[(str(each.values[0]),)] += each.bounces
        page = _ranked(found)[fields.skip : fields.skip + fields.limit]
        items = [DomainStat(Named(key[0]), Bounced(total)) for key, total in page]
        return DomainList(items, len(found), {})

    @get(
        f"{_V1}/domains/{{domain:str}}/entities",
        id="bounce_classes.entities",
        access=Area.METRICS,
        errors=(*_ERRORS, DomainNotFound),
    )
    async def entities(
        self,
        principal: Principal,
        domain: str,
        db: Db,
        clock: Clock,
        settings: Settings,
        ledger: Ledger,
        fields: Subaccounts,
    ) -> EntityList:
        """Count a domain's bounces by who said no, the most first."""
        wanted = await _of_domain(principal, domain, db, clock, settings, fields)
        found: Counter[tuple[str, ...]] = Counter()
        for each in await _bounces(ledger, wanted, settings):
            found[(each.entity.id, each.entity.name)] += each.bounces
        return EntityList([EntityStat(key[0], key[1], Bounced(total)) for key, total in _ranked(found)])

    @get(
        f"{_V1}/domains/{{domain:str}}/entities/{{entity_id:str}}/rules",
        id="bounce_classes.rules",
        access=Area.METRICS,
        errors=(*_ERRORS, DomainNotFound),
    )
    async def rules(
        self,
        principal: Principal,
        domain: str,
        entity_id: str,
        db: Db,
        clock: Clock,
        settings: Settings,
        ledger: Ledger,
        fields: Subaccounts,
    ) -> RuleList:
        """Count a domain's bounces of one entity by the rule that judged them, the most first."""
        wanted = await _of_domain(principal, domain, db, clock, settings, fields)
        found: Counter[tuple[str, ...]] = Counter()
        for each in await _bounces(ledger, wanted, settings):
            if each.entity.id == entity_id.lower():
                explanation = each.rule.explanation if each.rule else ""
                found[(each.rule_id, each.reason.upper(), explanation)] += each.bounces
        ids = sorted({key[0] for key in found})
        texts = await ledger.ask(store.samples, tuple(wanted.names), wanted.low, wanted.high, ids)
        return RuleList(
            [
                RuleStat(rule, category, "PERMANENT", texts.get(rule, ""), explanation, Bounced(total))
                for (rule, category, explanation), total in _ranked(found)
            ]
        )

    @get(
        f"{_V1}/domains/{{domain:str}}/events",
        id="bounce_classes.events",
        access=Area.METRICS,
        errors=(Gone,),
    )
    async def events(self, domain: str) -> dict[str, Any]:
        """Say that the logs operation does this now."""
        raise Gone

    @get(f"{_V1}/config/entities", id="bounce_classes.config.entities", access=Area.METRICS)
    async def config_entities(self, settings: Settings) -> dict[str, EntityOut]:
        """List who says no: mailbox providers, filters and blocklists."""
        return {each.id: EntityOut(each.name) for each in _entities(settings)}

    @get(f"{_V1}/config/rules", id="bounce_classes.config.rules", access=Area.METRICS)
    async def config_rules(self, settings: Settings) -> dict[str, RuleOut]:
        """List the rules that judge replies."""
        return {
            rule.id: RuleOut(
                rule.entity or entities.OTHER, rule.category, "", rule.explanation, rule.explanation
            )
            for rule in _rules(settings).values()
        }


def _rules(settings: Settings) -> dict[str, Rule]:
    return classifier(settings.failure_rules).rules


def _entities(settings: Settings) -> list[Entity]:
    known = {*entities.PROVIDERS, *entities.FILTERS}
    known.update(rule.entity for rule in _rules(settings).values() if rule.entity)
    return [entities.named(each) for each in sorted(known)]


async def _names(db: Db, principal: Principal, *, with_children: bool) -> dict[str, str]:
    """The names of the accounts that are asked about, by their ids."""
    family = await db.read(accounts.family, principal.account_id)
    return family if with_children else {principal.account_id: family.get(principal.account_id, "")}


def _wanted(
    clock: Clock,
    settings: Settings,
    names: dict[str, str],
    dimensions: tuple[str, ...],
    *,
    plain: tuple[Predicate, ...] = (),
    domain_id: str = "",
) -> Wanted:
    now = clock.now()
    return Wanted(
        names=names,
        low=max(now - settings.event_retention_days * 86400 * SECOND, 0),
        high=now + SECOND,
        dimensions=dimensions,
        plain=plain,
        domain_ids=(domain_id,) if domain_id else (),
    )


async def _of_domain(
    principal: Principal, domain: str, db: Db, clock: Clock, settings: Settings, fields: Subaccounts
) -> Wanted:
    names = await _names(db, principal, with_children=fields.include_subaccounts)
    for account_id, name in names.items():
        if found := await db.read(domains.find, account_id, domain.lower()):
            return _wanted(clock, settings, {account_id: name}, (), domain_id=found.id)
    raise DomainNotFound


async def _bounces(ledger: Ledger, wanted: Wanted, settings: Settings) -> list[Failure]:
    return [each for each in await service.failures(ledger, wanted, _rules(settings)) if each.bounces]


def _ranked(found: Counter[tuple[str, ...]]) -> list[tuple[tuple[str, ...], int]]:
    """The largest first, equals by name."""
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))


CONTROLLERS = (Classification, ClassificationV1)
