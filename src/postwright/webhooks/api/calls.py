"""The calls that webhooks made, over HTTP."""

import msgspec

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get

from .. import service
from ..schemas import CallShown, call_shown


class CallList(msgspec.Struct):
    """Calls, oldest first."""

    items: list[CallShown]


class Fired(Controller):
    """Who was told of a message."""

    @get(
        "/postwright/v1/{domain:str}/messages/{message_id:str}/webhooks",
        id="webhooks.calls.of_message",
        access=Area.WEBHOOKS,
        errors=(DomainNotFound,),
    )
    async def page(self, tenant: DomainScope, message_id: str, db: Db) -> CallList:
        """List the webhook calls about a message's events, with how each ended; the first 300."""
        found = await db.scan(service.calls_about, tenant.domain_id, message_id)
        return CallList([call_shown(row) for row in found])
