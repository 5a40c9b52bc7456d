"""Thresholds and their hits over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put

from .. import limits, schemas
from ..errors import AlertNotFound, BadAlert, NameTaken
from ..schemas import Done, Hits, HitsQuery, SendAlertIn, SendAlertOut
from ..schemas import SendAlerts as Page
from ..store import settings as store
from ..store import thresholds

_PATH = "/v1/thresholds/alerts/send"
UPDATED = "Send alert updated"
DELETED = "Send alert deleted"


class SendAlerts(Controller):
    """Thresholds on rates of what is sent."""

    @get(_PATH, id="alerts.send.list", access=Area.METRICS)
    async def page(self, principal: Principal, db: Db) -> Page:
        """List the thresholds by name."""
        parent = await db.read(store.parent, principal.account_id)
        found = await db.read(thresholds.of_account, principal.account_id)
        return Page([schemas.send_alert(each, parent) for each in found], len(found))

    @post(_PATH, id="alerts.send.create", access=Area.METRICS, errors=(BadAlert, NameTaken))
    async def create(self, principal: Principal, db: Db, clock: Clock, fields: SendAlertIn) -> SendAlertOut:
        """Add a threshold: who is told of it is set with the alerts of the type `send_alert`."""
        alert = limits.understood(principal.account_id, fields, clock.now())
        await db.write(limits.create, alert)
        return schemas.send_alert(alert, await db.read(store.parent, principal.account_id))

    @get(f"{_PATH}/{{name:str}}", id="alerts.send.get", access=Area.METRICS, errors=(AlertNotFound,))
    async def one(self, principal: Principal, name: str, db: Db) -> SendAlertOut:
        """Show a threshold."""
        found = await db.read(limits.need, principal.account_id, name)
        return schemas.send_alert(found, await db.read(store.parent, principal.account_id))

    @put(
        f"{_PATH}/{{name:str}}",
        id="alerts.send.update",
        access=Area.METRICS,
        errors=(BadAlert, AlertNotFound, NameTaken),
    )
    async def update(
        self, principal: Principal, name: str, db: Db, clock: Clock, fields: SendAlertIn
    ) -> Done:
        """Change a threshold; it is judged anew."""
        await db.read(limits.need, principal.account_id, name)
        fields.name = fields.name or name
        alert = limits.understood(principal.account_id, fields, clock.now())
        await db.write(limits.change, name, alert)
        return Done(UPDATED)

    @delete(f"{_PATH}/{{name:str}}", id="alerts.send.delete", access=Area.METRICS, errors=(AlertNotFound,))
    async def remove(self, principal: Principal, name: str, db: Db) -> Done:
        """Delete a threshold with its hits."""
        await db.write(limits.remove, principal.account_id, name)
        return Done(DELETED)

    @get("/v1/thresholds/hits", id="alerts.hits", access=Area.METRICS)
    async def hits(self, principal: Principal, db: Db, fields: HitsQuery) -> Hits:
        """List the thresholds that are or were passed, the latest first."""
        parent = await db.read(store.parent, principal.account_id)
        found = await db.scan(thresholds.hits, principal.account_id, fields.skip, fields.limit)
        total = await db.scan(thresholds.count_hits, principal.account_id)
        return Hits([schemas.hit(alert, each, parent) for alert, each in found], total)
