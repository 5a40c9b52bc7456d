"""Routes over HTTP."""

import msgspec

from postwright.accounts import Area, Principal
from postwright.kernel.clock import Clock
from postwright.kernel.db import Db
from postwright.kernel.http import Controller, delete, get, post, put
from postwright.mail.addresses import AddressError, parse_one

from . import service
from .actions import written
from .errors import BadRoute, RouteNotFound, TooManyRoutes
from .matching import Router, try_out
from .schemas import (
    ChangeRoute,
    HitShown,
    ListRoutes,
    MatchQuery,
    NewRoute,
    RouteChanged,
    RouteGone,
    RouteMade,
    Routes,
    RouteShown,
    RouteTested,
    TestRoute,
    shown,
)


class RouteList(Controller):
    """The routes of the account, by priority."""

    @post("/v3/routes", id="routes.create", access=Area.ROUTES, errors=(BadRoute, TooManyRoutes))
    async def create(self, principal: Principal, db: Db, clock: Clock, fields: NewRoute) -> RouteMade:
        """Create a route."""
        values = service.check(
            priority=fields.priority,
            description=fields.description,
            expression=fields.expression,
            action=fields.action,
        )
        route = await db.write(service.create, clock.now(), principal.account_id, values)
        return RouteMade("Route has been created", shown(route))

    @get("/v3/routes", id="routes.list", access=Area.ROUTES)
    async def page(self, principal: Principal, db: Db, fields: ListRoutes) -> Routes:
        """List the routes of the account in the order in which they are looked at."""
        total, found = await db.scan(service.page, principal.account_id, fields.skip, fields.limit)
        return Routes([shown(route) for route in found], total)

    @get("/v3/routes/match", id="routes.match", access=Area.ROUTES, errors=(RouteNotFound, BadRoute))
    async def match(self, principal: Principal, db: Db, router: Router, fields: MatchQuery) -> RouteShown:
        """Show the first route that an address matches."""
        try:
            address = parse_one(fields.address).spec
        except AddressError as wrong:
            raise BadRoute(f"address parameter is not valid: {wrong}") from wrong
        route = await db.scan(router.first, principal.account_id, address)
        if route is None:
            raise RouteNotFound
        return RouteShown(shown(route))


class OneRoute(Controller):
    """One route."""

    @get("/v3/routes/{id:str}", id="routes.get", access=Area.ROUTES, errors=(RouteNotFound,))
    async def one(self, principal: Principal, id: str, db: Db) -> RouteShown:
        """Show a route."""
        return RouteShown(shown(await db.read(service.one, principal.account_id, id)))

    @put("/v3/routes/{id:str}", id="routes.update", access=Area.ROUTES, errors=(RouteNotFound, BadRoute))
    async def change(self, principal: Principal, id: str, db: Db, fields: ChangeRoute) -> RouteChanged:
        """Change the given fields of a route."""
        values = service.check(
            priority=fields.priority,
            description=fields.description,
            expression=fields.expression,
            action=fields.action,
        )
        route = shown(await db.write(service.update, principal.account_id, id, values))
        flat = msgspec.structs.asdict(route)
        return RouteChanged(**flat, message="Route has been updated", route=route)

    @delete("/v3/routes/{id:str}", id="routes.delete", access=Area.ROUTES, errors=(RouteNotFound,))
    async def remove(self, principal: Principal, id: str, db: Db) -> RouteGone:
        """Delete a route."""
        await db.write(service.delete, principal.account_id, id)
        return RouteGone(id, "Route has been deleted")


class RouteTest(Controller):
    """Trying routes out. Nothing is sent."""

    @post("/postwright/v1/routes/test", id="routes.test", access=Area.ROUTES, errors=(BadRoute,))
    async def test(self, principal: Principal, db: Db, router: Router, fields: TestRoute) -> RouteTested:
        """Tell which routes a message would take, and what each would do with it."""
        try:
            recipient = parse_one(fields.recipient).spec
        except AddressError as wrong:
            raise BadRoute(f"recipient parameter is not valid: {wrong}") from wrong
        headers = list(fields.headers.items())
        hits = await db.scan(router.hits, principal.account_id, recipient, headers)
        draft = None
        if fields.expression:
            service.check(expression=fields.expression, action=fields.action)
            found = try_out(fields.expression, fields.action, recipient, headers)
            draft = None if found is None else [written(action) for action in found]
        return RouteTested(
            recipient=recipient,
            items=[HitShown(shown(hit.route), [written(action) for action in hit.actions]) for hit in hits],
            draft_matches=draft is not None,
            draft_actions=draft or [],
        )


CONTROLLERS = (RouteList, OneRoute, RouteTest)
