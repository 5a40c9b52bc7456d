"""Statistics over HTTP."""

from postwright import tags
from postwright.accounts import Area, Principal
from postwright.analytics import BadQuery, Behind, Busy, Ledger, TooLong
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.clock import SECOND, Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get
from postwright.kernel.settings import Settings
from postwright.tags import Tag, TagNotFound

from . import service
from .errors import BadStats
from .schemas import (
    Aggregate,
    Countries,
    Counts,
    Devices,
    FilterRange,
    OneMoment,
    Providers,
    Range,
    Stats,
    TagAggregate,
    TagRange,
)
from .service import Scope

_ERRORS = (BadStats, BadQuery, Busy, TooLong, Behind)
_OF_DOMAIN = (*_ERRORS, DomainNotFound)
_OF_TAG = (*_OF_DOMAIN, TagNotFound)
_KINDS = ("country", "provider", "device")


class AccountStats(Controller):
    """Figures of a whole account."""

    @get("/v3/stats/total", id="stats.account_total", access=Area.METRICS, errors=_ERRORS)
    async def total(self, principal: Principal, clock: Clock, ledger: Ledger, fields: Range) -> Stats:
        """Count an account's events by hour, day or month."""
        return await service.by_time(ledger, Scope((principal.account_id,)), fields, clock.now())

    @get("/v3/stats/total/domains", id="stats.by_domain", access=Area.METRICS, errors=_ERRORS)
    async def domains(self, principal: Principal, clock: Clock, ledger: Ledger, fields: OneMoment) -> Stats:
        """Count the events of each domain in one hour, day or month."""
        return await service.by_domain(ledger, Scope((principal.account_id,)), fields, clock.now())

    @get("/v3/stats/filter", id="stats.filter", access=Area.METRICS, errors=_ERRORS)
    async def filtered(
        self, principal: Principal, clock: Clock, ledger: Ledger, fields: FilterRange
    ) -> Stats:
        """Count the events that fit a filter, by time, domain, tag or other things."""
        return await service.filtered(ledger, Scope((principal.account_id,)), fields, clock.now())


class DomainStats(Controller):
    """Figures of a domain."""

    @get("/v3/{domain:str}/stats/total", id="stats.domain_total", access=Area.METRICS, errors=_OF_DOMAIN)
    async def total(self, tenant: DomainScope, clock: Clock, ledger: Ledger, fields: Range) -> Stats:
        """Count a domain's events by hour, day or month."""
        return await service.by_time(ledger, _scope(tenant), fields, clock.now())

    @get(
        "/v3/{domain:str}/aggregates/providers", id="stats.providers", access=Area.METRICS, errors=_OF_DOMAIN
    )
    async def providers(
        self, tenant: DomainScope, clock: Clock, settings: Settings, ledger: Ledger
    ) -> Providers:
        """Count events by the domain of the recipient."""
        return Providers(await _aggregate(tenant, clock, settings, ledger, "provider"))

    @get("/v3/{domain:str}/aggregates/devices", id="stats.devices", access=Area.METRICS, errors=_OF_DOMAIN)
    async def devices(self, tenant: DomainScope, clock: Clock, settings: Settings, ledger: Ledger) -> Devices:
        """Count events by device."""
        return Devices(await _aggregate(tenant, clock, settings, ledger, "device"))

    @get(
        "/v3/{domain:str}/aggregates/countries", id="stats.countries", access=Area.METRICS, errors=_OF_DOMAIN
    )
    async def countries(
        self, tenant: DomainScope, clock: Clock, settings: Settings, ledger: Ledger
    ) -> Countries:
        """Count events by country."""
        return Countries(await _aggregate(tenant, clock, settings, ledger, "country"))


class TagStats(Controller):
    """Figures of a domain's tag."""

    @get("/v3/{domain:str}/tag/stats", id="tags.domain.stats", access=Area.TAGS, errors=_OF_TAG)
    async def stats(
        self, tenant: DomainScope, db: Db, clock: Clock, ledger: Ledger, fields: TagRange
    ) -> Stats:
        """Count the events of a tag by hour, day or month."""
        return await _stats(tenant, db, clock, ledger, fields)

    @get(
        "/v3/{domain:str}/tags/{tag:str}/stats",
        id="tags.domain.stats_by_path",
        access=Area.TAGS,
        errors=_OF_TAG,
    )
    async def stats_by_path(
        self, tenant: DomainScope, tag: str, db: Db, clock: Clock, ledger: Ledger, fields: TagRange
    ) -> Stats:
        """Count the events of a tag by hour, day or month."""
        fields.tag = tag
        return await _stats(tenant, db, clock, ledger, fields)

    @get(
        "/v3/{domain:str}/tag/stats/aggregates", id="tags.domain.aggregates", access=Area.TAGS, errors=_OF_TAG
    )
    async def aggregates(
        self,
        tenant: DomainScope,
        db: Db,
        clock: Clock,
        settings: Settings,
        ledger: Ledger,
        fields: Aggregate,
    ) -> TagAggregate:
        """Count the events of a tag by country, provider or device."""
        kind = fields.type.strip().lower()
        if kind not in _KINDS:
            raise BadStats(f"type parameter is not valid: one of {', '.join(_KINDS)} expected")
        tag = await _tag(tenant, db, fields.tag)
        made = TagAggregate(tag.tag)
        setattr(made, kind, await _aggregate(tenant, clock, settings, ledger, kind, tag.tag))
        return made

    @get(
        "/v3/{domain:str}/tags/{tag:str}/stats/aggregates/{type:str}",
        id="tags.domain.aggregates_by_path",
        access=Area.TAGS,
        errors=_OF_TAG,
    )
    async def aggregates_by_path(
        self,
        tenant: DomainScope,
        tag: str,
        type: str,
        db: Db,
        clock: Clock,
        settings: Settings,
        ledger: Ledger,
    ) -> TagAggregate:
        """Count the events of a tag by countries, providers or devices."""
        kind = {"countries": "country", "providers": "provider", "devices": "device"}.get(type.lower())
        if kind is None:
            raise BadStats("countries, providers or devices expected")
        found = await _tag(tenant, db, tag)
        made = TagAggregate(found.tag)
        setattr(made, type.lower(), await _aggregate(tenant, clock, settings, ledger, kind, found.tag))
        return made


def _scope(tenant: DomainScope) -> Scope:
    return Scope((tenant.account_id,), (tenant.domain_id,))


async def _tag(tenant: DomainScope, db: Db, text: str) -> Tag:
    if not text.strip():
        raise BadStats("tag parameter is missing")
    return await db.read(tags.need, tenant.account_id, tenant.domain_id, text)


async def _stats(tenant: DomainScope, db: Db, clock: Clock, ledger: Ledger, fields: TagRange) -> Stats:
    service.events(fields.event)
    tag = await _tag(tenant, db, fields.tag)
    predicates = service.equal(
        tag=tag.tag, provider=fields.provider, device=fields.device, country=fields.country
    )
    answer = await service.by_time(ledger, _scope(tenant), fields, clock.now(), predicates)
    answer.tag, answer.description = tag.tag, tag.description
    return answer


async def _aggregate(
    tenant: DomainScope, clock: Clock, settings: Settings, ledger: Ledger, kind: str, tag: str = ""
) -> dict[str, Counts]:
    """All the time that events are kept."""
    now = clock.now()
    low = max(now - settings.analytics_retention_days * 86400 * SECOND, 0)
    return await service.aggregate(ledger, _scope(tenant), low, now + SECOND, kind, service.equal(tag=tag))


CONTROLLERS = (AccountStats, DomainStats, TagStats)
