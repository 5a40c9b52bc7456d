"""Forwards over HTTP."""

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put
from postwright.kernel.http.paging import Links, Turn, position, token_links, url

from . import service
from .errors import BadForward, ForwardNotFound, TooManyForwards
from .schemas import (
    ChangeForward,
    ForwardGone,
    ForwardInfo,
    Forwards,
    ListForwards,
    NewForward,
    Position,
    Scope,
    shown,
)
from .service import Rule, Targets


class ForwardList(Controller):
    """The forwards of the account."""

    @get("/v3/forwards", id="forwards.list", access=Area.ROUTES, errors=(ForwardNotFound,))
    async def page(self, principal: Principal, db: Db, base_url: str, fields: ListForwards) -> Forwards:
        """List forwards, oldest first; of one domain when domain.name is given."""
        at = position(fields.page, Position) if fields.page else Position()
        turn = Turn(fields.limit, at.after, at.backwards)
        scope = fields.domain_name.strip().lower()
        found = await db.scan(service.page, principal.account_id, scope, turn)
        return Forwards([shown(rule) for rule in found], _links(base_url, fields, at, found))

    @post(
        "/v3/forwards",
        id="forwards.create",
        access=Area.ROUTES,
        errors=(BadForward, ForwardNotFound, TooManyForwards),
    )
    async def create(self, principal: Principal, db: Db, clock: Clock, fields: NewForward) -> ForwardInfo:
        """Create a forward for all addresses that match."""
        targets = service.parse_targets(fields.urls, fields.recipients, fields.store, Targets())
        scope = fields.domain_name.strip().lower()
        now = clock.now()
        return shown(await db.write(service.create, now, principal.account_id, fields.match, targets, scope))


class OneForward(Controller):
    """One forward."""

    @get("/v3/forwards/{id:str}", id="forwards.get", access=Area.ROUTES, errors=(ForwardNotFound,))
    async def one(self, principal: Principal, id: str, db: Db, fields: Scope) -> ForwardInfo:
        """Show a forward."""
        scope = fields.domain_name.strip().lower()
        return shown(await db.read(service.one, principal.account_id, id, scope))

    @put(
        "/v3/forwards/{id:str}",
        id="forwards.update",
        access=Area.ROUTES,
        errors=(BadForward, ForwardNotFound),
    )
    async def change(
        self, principal: Principal, id: str, db: Db, clock: Clock, fields: ChangeForward
    ) -> ForwardInfo:
        """Change the given fields of a forward."""
        given = (fields.urls, fields.recipients, fields.store)
        scope = fields.domain_name.strip().lower()
        now = clock.now()
        rule = await db.write(service.update, now, principal.account_id, id, scope, fields.match, given)
        return shown(rule)

    @delete("/v3/forwards/{id:str}", id="forwards.delete", access=Area.ROUTES, errors=(ForwardNotFound,))
    async def remove(self, principal: Principal, id: str, db: Db, fields: Scope) -> ForwardGone:
        """Delete a forward."""
        scope = fields.domain_name.strip().lower()
        await db.write(service.delete, principal.account_id, id, scope)
        return ForwardGone("Forward has been deleted")


def _links(base_url: str, fields: ListForwards, at: Position, found: list[Rule]) -> Links:
    if found:
        following, previous = Position(found[-1].id), Position(found[0].id, True)
    elif at.backwards:
        following, previous = Position(), at
    else:
        following, previous = at, Position(None, True)
    links = token_links(
        url(base_url, "v3", "forwards"),
        first=Position(),
        next=following,
        previous=previous,
        last=Position(None, True),
    )
    repeated = f"&limit={fields.limit}"
    if fields.domain_name:
        repeated += url("", query={"domain.name": fields.domain_name}).replace("?", "&")
    return Links(*(f"{link}{repeated}" for link in (links.first, links.next, links.previous, links.last)))


CONTROLLERS = (ForwardList, OneForward)
