"""A domain's queue: its state, and emptying it."""

from postwright import queue
from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope, domain_scope
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get

from ..schemas import Disabled, Done, Queues, QueueState


class Queue(Controller):
    """What waits to be sent."""

    @get(
        "/v3/domains/{domain:str}/sending_queues",
        "/v3/{domain:str}/sending_queues",
        id="messages.queues",
        access=Area.MESSAGES,
        errors=(DomainNotFound,),
    )
    async def state(self, tenant: DomainScope, db: Db, clock: Clock) -> Queues:
        """Whether the domain's queues take messages, as they do while the domain may send, and what they hold."""
        due, later = await db.scan(queue.waiting, tenant.domain_id, clock.now())
        domain = tenant.domain
        off = domain.is_disabled or domain.state == "disabled"
        disabled = Disabled(until="", reason="The domain is disabled") if off else None
        return Queues(
            regular=QueueState(is_disabled=off, messages=due, disabled=disabled),
            scheduled=QueueState(is_disabled=off, messages=later, disabled=disabled),
        )


class Envelopes(Controller):
    """Messages not yet sent."""

    dependencies = {"tenant": domain_scope("domain not found")}

    @delete(
        "/v3/{domain:str}/envelopes",
        id="messages.purge",
        access=Area.MESSAGES,
        errors=(DomainNotFound,),
    )
    async def purge(self, tenant: DomainScope, db: Db) -> Done:
        """Delete everything that waits or is scheduled for the domain; what is being sent right now goes out."""
        while await db.write(queue.purge, tenant.domain_id):
            pass
        return Done("done")
