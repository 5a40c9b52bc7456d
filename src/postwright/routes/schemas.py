"""Requests and replies of the route operations."""

from typing import ClassVar

import msgspec

from postwright.kernel.http import KeepEmpty, dates
from postwright.kernel.http.paging import Offset

from .records import Route


class ListRoutes(Offset, kw_only=True):
    """Which routes to list."""

    default: ClassVar[int] = 100
    most: ClassVar[int] = 1000


class NewRoute(msgspec.Struct, kw_only=True):
    """A route to create."""

    expression: str
    priority: int = 0
    description: str = ""
    action: list[str] = []


class ChangeRoute(msgspec.Struct, kw_only=True):
    """What to change of a route; `action` replaces all of them."""

    priority: int | None = None
    description: KeepEmpty | None = None
    expression: str | None = None
    action: list[str] | None = None


class MatchQuery(msgspec.Struct, kw_only=True):
    """The address to find a route for."""

    address: str


class TestRoute(msgspec.Struct, kw_only=True):
    """A message to try routes with: to whom it is, its header fields; and a route that is not stored yet, if any."""

    recipient: str
    headers: dict[str, str] = {}
    expression: str = ""
    action: list[str] = []


class RouteInfo(msgspec.Struct):
    """A route."""

    id: str
    priority: int
    description: str
    expression: str
    actions: list[str]
    created_at: str


class Routes(msgspec.Struct):
    """A page of routes."""

    items: list[RouteInfo]
    total_count: int


class RouteMade(msgspec.Struct):
    """A new route."""

    message: str
    route: RouteInfo


class RouteShown(msgspec.Struct):
    """A route."""

    route: RouteInfo


class RouteChanged(RouteInfo, kw_only=True):
    """A changed route, flat for some clients and nested for others (behaviour.md 10.2)."""

    message: str
    route: RouteInfo


class RouteGone(msgspec.Struct):
    """What was deleted."""

    id: str
    message: str


class HitShown(msgspec.Struct):
    """A route that matches, and what it would do, with what its patterns caught put in."""

    route: RouteInfo
    actions: list[str]


class RouteTested(msgspec.Struct):
    """The routes a message takes, in order, and what became of the one that is not stored (false without one)."""

    recipient: str
    items: list[HitShown]
    draft_matches: bool
    draft_actions: list[str]


def shown(route: Route) -> RouteInfo:
    """A route as the API shows it."""
    return RouteInfo(
        route.id,
        route.priority,
        route.description,
        route.expression,
        route.actions,
        dates.gmt(route.created_at),
    )
