"""Read the audit log over HTTP."""

import msgspec

from postwright.accounts import Area, Principal
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, get
from postwright.kernel.http.paging import BadToken, Links, position, token_links, url

from . import service
from .schemas import AuditPage, AuditQuery, Place, shown


class Audit(Controller):
    """Who changed what."""

    @get("/postwright/v1/audit", id="audit.list", access=Area.OPERATIONS, errors=(BadToken,))
    async def page(self, principal: Principal, db: Db, base_url: str, fields: AuditQuery) -> AuditPage:
        """List the account's changes, the newest first: who, what, from where, and the values before and after."""
        given = {"action": fields.action, "object": fields.object, "actor_id": fields.actor}
        exact = {name: value for name, value in given.items() if value}
        place = Place(x=exact, low=fields.begin, high=fields.end, limit=fields.limit)
        if fields.page:
            place = position(fields.page, Place)
        if not place.x.keys() <= given.keys() or not 0 < place.limit <= AuditQuery.most:
            raise BadToken
        found = await db.scan(
            service.entries,
            principal.account_id,
            place.x,
            low=place.low,
            high=place.high,
            before=place.b,
            after=place.a,
            limit=place.limit,
        )
        return AuditPage(
            [shown(entry) for entry in found], _links(base_url, place, [each.id for each in found])
        )


def _links(base_url: str, place: Place, ids: list[int]) -> Links:
    first = msgspec.structs.replace(place, a=None, b=None)
    # Behind an empty page the way back includes the record that it lies behind.
    older = ids[-1] if ids else (place.a or 0) + 1
    newer = ids[0] if ids else (place.b or 0) - 1
    return token_links(
        url(base_url, "postwright", "v1", "audit"),
        first=first,
        next=msgspec.structs.replace(first, b=older),
        previous=msgspec.structs.replace(first, a=newer),
        last=msgspec.structs.replace(first, a=0),
    )


CONTROLLERS = (Audit,)
