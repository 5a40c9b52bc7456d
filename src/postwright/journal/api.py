"""Read the delivery journal over HTTP."""

import msgspec

from postwright.accounts import Area
from postwright.domains import DomainNotFound, DomainScope
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get
from postwright.kernel.http.paging import BadToken, Links, position, token_links, url
from postwright.kernel.secrets import Vault

from . import service
from .schemas import AttemptPage, AttemptQuery, Place, shown
from .service import MessageNotFound


class Attempts(Controller):
    """What was done to deliver a message."""

    @get(
        "/postwright/v1/{domain:str}/messages/{message_id:str}/attempts",
        id="journal.attempts",
        access=Area.LOGS,
        errors=(DomainNotFound, MessageNotFound, BadToken),
    )
    async def page(
        self,
        tenant: DomainScope,
        message_id: str,
        db: Db,
        vault: Vault,
        base_url: str,
        fields: AttemptQuery,
    ) -> AttemptPage:
        """List every delivery attempt of a message, and every wait: host, source, TLS, dialogue, reply, decision."""
        place = Place(recipient=fields.recipient, limit=fields.limit)
        if fields.page:
            place = position(fields.page, Place)
        if not 0 < place.limit <= AttemptQuery.most:
            raise BadToken
        found = await db.scan(
            service.page,
            vault,
            tenant.domain_id,
            message_id,
            place.recipient or None,
            after=place.a,
            before=place.b,
            limit=place.limit,
        )
        address = url(base_url, "postwright", "v1", tenant.name, "messages", message_id, "attempts")
        items = [shown(row.at, row.recipient, record) for row, record in found]
        return AttemptPage(items, _links(address, place, [row.id for row, _ in found]))


def _links(address: str, place: Place, ids: list[int]) -> Links:
    first = msgspec.structs.replace(place, a=None, b=None)
    # Behind an empty page the way back includes the record that it lies behind.
    newer = ids[-1] if ids else (place.b or 1) - 1
    older = ids[0] if ids else (place.a or 0) + 1
    return token_links(
        address,
        first=first,
        next=msgspec.structs.replace(first, a=newer),
        previous=msgspec.structs.replace(first, b=older),
        last=msgspec.structs.replace(first, b=2**62),
    )


CONTROLLERS = (Attempts,)
