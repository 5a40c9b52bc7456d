"""Metrics, usage and logs over HTTP."""

from typing import Any

import msgspec

from postwright import accounts
from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, dates, post

from . import figures, metrics, search
from .errors import BadQuery, Behind, Busy, NoSuchToken, TooLong
from .figures import Figures
from .ledger import Ledger
from .schemas import LogsAggregates, LogsAnswer, LogsQuery, MetricsAnswer, MetricsQuery

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


CONTROLLERS = (Metrics, Logs)
