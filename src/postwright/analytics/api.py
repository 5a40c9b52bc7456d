"""Metrics, usage and logs over HTTP."""

from typing import Any

import msgspec

from postwright import accounts
from postwright.accounts import AccountNotFound, Area, Principal
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, Raw, dates, get, post, put
from postwright.kernel.settings import Settings

from . import export, figures, metrics, retention, search, sql
from .erasure import Proof, erase
from .errors import BadQuery, BadRetention, Behind, Busy, NoSuchToken, NotYourPlan, TooLong
from .figures import MAX_GROUPS, Figures
from .ledger import Ledger
from .retention import Kept
from .schemas import (
    ExportQuery,
    LogsAggregates,
    LogsAnswer,
    LogsPaginationIn,
    LogsQuery,
    MetricsAnswer,
    MetricsQuery,
    PersonToErase,
    SetRetention,
    SqlAnswer,
    SqlQuery,
)
from .sealer import Sealer

_ERRORS = (BadQuery, Busy, TooLong, Behind)


class Metrics(Controller):
    """Figures of what happened to messages."""

    @post("/v1/analytics/metrics", id="metrics.query", access=Area.METRICS, reads=True, errors=_ERRORS)
    async def query(
        self, principal: Principal, db: Db, clock: Clock, ledger: Ledger, fields: MetricsQuery
    ) -> MetricsAnswer:
        """Count messages and what happened to them, by time, domain, tag and other dimensions."""
        return await _figures(principal, db, clock, ledger, fields, usage=False)

    @post(
        "/v1/analytics/usage/metrics",
        id="metrics.query_usage",
        access=Area.METRICS,
        reads=True,
        errors=_ERRORS,
    )
    async def usage(
        self, principal: Principal, db: Db, clock: Clock, ledger: Ledger, fields: MetricsQuery
    ) -> MetricsAnswer:
        """Count what the account used, by time and subaccount."""
        return await _figures(principal, db, clock, ledger, fields, usage=True)


async def _figures(
    principal: Principal, db: Db, clock: Clock, ledger: Ledger, fields: MetricsQuery, *, usage: bool
) -> MetricsAnswer:
    family = await db.read(accounts.family, principal.account_id)
    own = tuple(family) if fields.include_subaccounts else (principal.account_id,)
    wanted = metrics.understand(fields, clock.now(), own, usage=usage)
    nothing = bool(wanted.metrics) and not wanted.question.metrics
    found = Figures([], 0) if nothing else await figures.counts(ledger, wanted.question)
    together = None
    if fields.include_aggregates:
        together = {} if nothing else await figures.totals(ledger, wanted.question)
    return metrics.answer(wanted, found, together, {"subaccount": family})


class Logs(Controller):
    """What happened to an account's messages."""

    @post("/v1/analytics/logs", id="logs.query", access=Area.LOGS, reads=True, errors=(*_ERRORS, NoSuchToken))
    async def query(
        self, principal: Principal, db: Db, clock: Clock, ledger: Ledger, fields: LogsQuery
    ) -> LogsAnswer:
        """List events of all the account's domains, newest first unless asked otherwise."""
        page = search.understand(fields, clock.now())
        own: tuple[str, ...] = (principal.account_id,)
        if page.search.subaccounts:
            own = tuple(await db.read(accounts.family, principal.account_id))
        found = await ledger.ask(search.find, own, page)
        return LogsAnswer(
            start=dates.offset(page.search.low),
            end=dates.offset(page.search.high),
            items=[_item(hit, principal.account_id) for hit in found.hits],
            pagination=search.pages(page, found),
            aggregates=LogsAggregates(
                all=None if found.totals is None else sum(found.totals.values()),
                metrics=found.totals or {},
            ),
        )


def _item(hit: search.Hit, account_id: str) -> dict[str, Any]:
    parent = account_id if hit.account_id != account_id else ""
    return search.item(msgspec.json.decode(hit.data), dates.rfc3339_millis(hit.at), parent)


class Export(Controller):
    """Figures and events as files."""

    @post(
        "/postwright/v1/analytics/export",
        id="analytics.export",
        access=Area.METRICS,
        reads=True,
        errors=(*_ERRORS, NoSuchToken),
    )
    async def export(
        self, principal: Principal, db: Db, clock: Clock, ledger: Ledger, fields: ExportQuery
    ) -> Raw:
        """Export figures or events as CSV or Parquet; the header `x-next-token` leads to the rest of many events."""
        family = await db.read(accounts.family, principal.account_id)
        own = tuple(family) if fields.include_subaccounts else (principal.account_id,)
        if fields.of == "logs":
            page = search.understand(_as_logs(fields), clock.now())
            if page.search.subaccounts:
                own = tuple(family)
            table, following = await ledger.ask(export.events, own, page)
            return await _file(ledger, table, fields.format, "events", following)
        usage = fields.of == "usage"
        wanted = metrics.understand(fields, clock.now(), own, usage=usage, limit=MAX_GROUPS)
        found = await figures.counts(ledger, wanted.question)
        return await _file(ledger, export.figures(wanted, found), fields.format, fields.of, "")

    @post(
        "/postwright/v1/analytics/sql",
        id="analytics.sql",
        access=Area.METRICS,
        reads=True,
        errors=_ERRORS,
        gives=SqlAnswer,
    )
    async def sql(
        self, principal: Principal, db: Db, settings: Settings, ledger: Ledger, fields: SqlQuery
    ) -> Any:
        """Run a SELECT over the account's events, as the view `events`."""
        own: tuple[str, ...] = (principal.account_id,)
        if fields.include_subaccounts:
            own = tuple(await db.read(accounts.family, principal.account_id))
        most = SQL_ROWS if fields.format == "json" else SQL_FILE_ROWS
        limit = fields.limit or most
        if not 0 < limit <= most:
            raise BadQuery(f"'limit' attribute is invalid: at most {most} expected")
        table = await ledger.ask(sql.run, own, fields.query, limit + 1, settings.data_dir / "analytics-spill")
        cut = table.num_rows > limit
        table = table.slice(0, limit)
        if fields.format != "json":
            return await _file(ledger, table, fields.format, "query", "")
        rows = [[_plain(value) for value in row.values()] for row in table.to_pylist()]
        return SqlAnswer(table.column_names, rows, cut)


SQL_ROWS = 10_000
SQL_FILE_ROWS = 100_000


def _plain(value: Any) -> Any:
    """A value that JSON has: whole numbers and texts as they are, what else there is as text."""
    if value is None or isinstance(value, str | bool | float | list | dict):
        return value
    return value if isinstance(value, int) and abs(value) < 2**63 else str(value)


def _as_logs(fields: ExportQuery) -> LogsQuery:
    paging = fields.pagination
    return LogsQuery(
        start=fields.start,
        end=fields.end,
        duration=fields.duration,
        events=fields.events,
        metric_events=fields.metric_events,
        filter=fields.filter,
        include_subaccounts=fields.include_subaccounts,
        pagination=LogsPaginationIn(sort=paging.sort if paging else "", token=fields.token),
    )


async def _file(ledger: Ledger, table: Any, form: str, name: str, following: str) -> Raw:
    data = await ledger.beside(export.file, table, form)
    headers = {"content-disposition": f'attachment; filename="{name}.{form}"'}
    if following:
        headers["x-next-token"] = following
    return Raw(data, media_type=export.MEDIA[form], headers=headers)


class Erasure(Controller):
    """Forgetting people."""

    @post(
        "/postwright/v1/erasure",
        id="analytics.erase",
        access=Area.OPERATIONS,
        errors=(*_ERRORS,),
    )
    async def erase(
        self,
        principal: Principal,
        db: Db,
        settings: Settings,
        sealer: Sealer,
        ledger: Ledger,
        fields: PersonToErase,
    ) -> Proof:
        """Delete all events about an address and mentions of it, at once and for good; the answer is the proof."""
        return await erase(settings, db, sealer, ledger, principal.account_id, fields.address)


class Retention(Controller):
    """For how long events are kept and shown."""

    @get("/postwright/v1/retention", id="retention.get", access=Area.LOGS)
    async def mine(self, principal: Principal, db: Db, settings: Settings) -> Kept:
        """Show for how many days the account's events are kept, and how many that may be."""
        return await db.read(retention.of_account, settings, principal.account_id)

    @put(
        "/postwright/v1/accounts/{account_id:str}/retention",
        id="retention.set_plan",
        access=Area.OPERATIONS,
        errors=(NotYourPlan, AccountNotFound, BadRetention),
    )
    async def plan(
        self, principal: Principal, account_id: str, db: Db, settings: Settings, fields: SetRetention
    ) -> Kept:
        """Set for how many days an account's events are kept, and those of its subaccounts."""
        return await db.write(
            retention.set_for_account, settings, principal.account_id, account_id, fields.days
        )

    @get(
        "/postwright/v1/domains/{domain:str}/retention",
        id="retention.get_of_domain",
        access=Area.LOGS,
        errors=(DomainNotFound,),
    )
    async def domain(self, tenant: DomainScope, db: Db, settings: Settings) -> Kept:
        """Show for how many days a domain's events are kept, and how many that may be."""
        return await db.read(retention.of_domain, settings, tenant.account_id, tenant.domain_id)

    @put(
        "/postwright/v1/domains/{domain:str}/retention",
        id="retention.set_for_domain",
        access=Area.OPERATIONS,
        errors=(DomainNotFound, BadRetention),
    )
    async def keep(self, tenant: DomainScope, db: Db, settings: Settings, fields: SetRetention) -> Kept:
        """Keep a domain's events shorter than the account's; what is older is not shown from now on."""
        return await db.write(
            retention.set_for_domain, settings, tenant.account_id, tenant.domain_id, fields.days
        )


CONTROLLERS = (Metrics, Logs, Export, Erasure, Retention)
