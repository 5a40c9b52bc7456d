"""How long a domain's mail is tried, over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get, put

from .. import service
from ..errors import BadDomain, DomainNotFound
from ..schemas.queue import ChangeQueue, QueueSettings

_PATH = "/postwright/v1/domains/{domain:str}/queue"


class DomainQueue(Controller):
    """How long a domain's mail waits for receivers that do not take it."""

    @get(_PATH, id="domains.queue", access=Area.DOMAINS, errors=(DomainNotFound,))
    async def show(self, principal: Principal, domain: str, db: Db) -> QueueSettings:
        """Show how long mail of a domain is tried."""
        found = await db.read(service.need, principal.account_id, domain)
        return QueueSettings(found.queue_lifetime)

    @put(_PATH, id="domains.queue.update", access=Area.DOMAINS, errors=(DomainNotFound, BadDomain))
    async def change(
        self, principal: Principal, domain: str, db: Db, clock: Clock, fields: ChangeQueue
    ) -> QueueSettings:
        """Change how long mail of a domain is tried, for messages accepted from now on.

        What a message says itself (`o:deliver-within`) counts more.
        """
        values = {"queue_lifetime": service.parse_lifetime(fields.lifetime)}
        changed = await db.write(service.change, clock.now(), principal.account_id, domain, values, "")
        return QueueSettings(changed.queue_lifetime)


CONTROLLERS = (DomainQueue,)
