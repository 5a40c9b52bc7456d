"""Thresholds and their hits over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put

from .. import limits, schemas
from ..errors import AlertNotFound, BadAlert, NameTaken
from ..records import LIMIT, SEND_ALERT
from ..schemas import (
    Done,
    Hits,
    HitsQuery,
    LimitIn,
    LimitList,
    LimitOut,
    SendAlertIn,
    SendAlertList,
    SendAlertOut,
)
from ..store import settings as store
from ..store import thresholds

_SEND = "/v1/thresholds/alerts/send"
_LIMITS = "/v1/thresholds/limits"


class SendAlerts(Controller):
    """Thresholds on rates of what is sent."""

    @get(_SEND, id="alerts.send.list", access=Area.METRICS)
    async def page(self, principal: Principal, db: Db) -> SendAlertList:
        """List the thresholds by name."""
        parent = await db.read(store.parent, principal.account_id)
        found = await db.read(thresholds.of_account, principal.account_id, SEND_ALERT)
        return SendAlertList([schemas.send_alert(each, parent) for each in found], len(found))

    @post(_SEND, id="alerts.send.create", access=Area.METRICS, errors=(BadAlert, NameTaken))
    async def create(self, principal: Principal, db: Db, clock: Clock, fields: SendAlertIn) -> SendAlertOut:
        """Add a threshold: who is told of it is set with the alerts of the type `send_alert`."""
        alert = limits.understood(principal.account_id, fields, clock.now())
        await db.write(limits.create, alert)
        return schemas.send_alert(alert, await db.read(store.parent, principal.account_id))

    @get(f"{_SEND}/{{name:str}}", id="alerts.send.get", access=Area.METRICS, errors=(AlertNotFound,))
    async def one(self, principal: Principal, name: str, db: Db) -> SendAlertOut:
        """Show a threshold."""
        found = await db.read(limits.need, principal.account_id, SEND_ALERT, name)
        return schemas.send_alert(found, await db.read(store.parent, principal.account_id))

    @put(
        f"{_SEND}/{{name:str}}",
        id="alerts.send.update",
        access=Area.METRICS,
        errors=(BadAlert, AlertNotFound, NameTaken),
    )
    async def update(
        self, principal: Principal, name: str, db: Db, clock: Clock, fields: SendAlertIn
    ) -> Done:
        """Change a threshold; it is judged anew."""
        await _change(db, clock, principal.account_id, SEND_ALERT, name, fields)
        return Done("Send alert updated")

    @delete(f"{_SEND}/{{name:str}}", id="alerts.send.delete", access=Area.METRICS, errors=(AlertNotFound,))
    async def remove(self, principal: Principal, name: str, db: Db) -> Done:
        """Delete a threshold with its hits."""
        await db.write(limits.remove, principal.account_id, SEND_ALERT, name)
        return Done("Send alert deleted")

    @get("/v1/thresholds/hits", id="alerts.hits", access=Area.METRICS)
    async def hits(self, principal: Principal, db: Db, fields: HitsQuery) -> Hits:
        """List the thresholds that are or were passed, the latest first."""
        parent = await db.read(store.parent, principal.account_id)
        found = await db.scan(thresholds.hits, principal.account_id, fields.skip, fields.limit)
        total = await db.scan(thresholds.count_hits, principal.account_id)
        return Hits([schemas.hit(alert, each, parent) for alert, each in found], total)


class LimitThresholds(Controller):
    """Thresholds on numbers: of what an account and its subaccounts use."""

    @get(_LIMITS, id="limits.list", access=Area.METRICS)
    async def page(self, principal: Principal, db: Db) -> LimitList:
        """List the limits by name."""
        parent = await db.read(store.parent, principal.account_id)
        found = await db.read(thresholds.of_account, principal.account_id, LIMIT)
        return LimitList([schemas.limit(each, parent) for each in found], len(found))

    @post(_LIMITS, id="limits.create", access=Area.METRICS, errors=(BadAlert, NameTaken))
    async def create(self, principal: Principal, db: Db, clock: Clock, fields: LimitIn) -> LimitOut:
        """Add a limit: the owner is told when it is reached, and who is set for the type `limit_threshold`."""
        limit = limits.understood(principal.account_id, fields, clock.now())
        await db.write(limits.create, limit)
        return schemas.limit(limit, await db.read(store.parent, principal.account_id))

    @get(f"{_LIMITS}/{{name:str}}", id="limits.get", access=Area.METRICS, errors=(AlertNotFound,))
    async def one(self, principal: Principal, name: str, db: Db) -> LimitOut:
        """Show a limit."""
        found = await db.read(limits.need, principal.account_id, LIMIT, name)
        return schemas.limit(found, await db.read(store.parent, principal.account_id))

    @put(
        f"{_LIMITS}/{{name:str}}",
        id="limits.update",
        access=Area.METRICS,
        errors=(BadAlert, AlertNotFound, NameTaken),
    )
    async def update(self, principal: Principal, name: str, db: Db, clock: Clock, fields: LimitIn) -> Done:
        """Change a limit; it is judged anew."""
        await _change(db, clock, principal.account_id, LIMIT, name, fields)
        return Done("Limit threshold updated")

    @delete(f"{_LIMITS}/{{name:str}}", id="limits.delete", access=Area.METRICS, errors=(AlertNotFound,))
    async def remove(self, principal: Principal, name: str, db: Db) -> Done:
        """Delete a limit with its hits."""
        await db.write(limits.remove, principal.account_id, LIMIT, name)
        return Done("Limit threshold deleted")


async def _change(db: Db, clock: Clock, account_id: str, kind: str, name: str, fields: LimitIn) -> None:
    await db.read(limits.need, account_id, kind, name)
    fields.name = fields.name or name
    await db.write(limits.change, name, limits.understood(account_id, fields, clock.now()))
