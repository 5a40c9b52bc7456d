"""The rules of routes: what a route may be, and how many there are."""

from collections.abc import Sequence
from typing import Any

from postwright.kernel.db import Read, Write
from postwright.kernel.ids import hex_id

from . import actions, expressions, store
from .errors import BadRoute, RouteNotFound, TooManyRoutes
from .records import Route

MAX_ROUTES = 5000  # of an account: they are looked at one after the other for each message
MAX_ACTIONS = 50  # of a route
MAX_DESCRIPTION = 4000  # characters
_PRIORITY = 2**31 - 1


def check(
    *,
    priority: int | None = None,
    description: str | None = None,
    expression: str | None = None,
    action: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The columns of what is given, once it was found usable. Raises BadRoute."""
    values: dict[str, Any] = {}
    if priority is not None:
        if abs(priority) > _PRIORITY:
            raise BadRoute("priority parameter is not valid: out of range")
        values["priority"] = priority
    if description is not None:
        if len(description) > MAX_DESCRIPTION:
            raise BadRoute(f"description parameter is longer than {MAX_DESCRIPTION} characters")
        values["description"] = description
    if expression is not None:
        try:
            expressions.parse(expression)
        except expressions.BadExpression as wrong:
            raise BadRoute(f"expression parameter is not valid: {wrong}") from wrong
        values["expression"] = expression
    if action is not None:
        if len(action) > MAX_ACTIONS:
            raise BadRoute(f"a route has at most {MAX_ACTIONS} actions")
        for one in action:
            try:
                actions.parse(one)
            except actions.BadAction as wrong:
                raise BadRoute(f"action parameter is not valid: {wrong}") from wrong
        values["actions"] = list(action)
    return values


def create(tx: Write, now: int, account_id: str, values: dict[str, Any]) -> Route:
    """Add a route of checked values. Raises TooManyRoutes."""
    store.touch(tx, account_id)
    if store.count(tx, account_id) >= MAX_ROUTES:
        raise TooManyRoutes
    made: dict[str, Any] = {"priority": 0, "description": "", "actions": []} | values
    route = Route(id=hex_id(), account_id=account_id, created_at=now, **made)
    store.add(tx, route)
    return route


def update(tx: Write, account_id: str, route_id: str, values: dict[str, Any]) -> Route:
    """Change what is given of a route. Raises RouteNotFound."""
    store.touch(tx, account_id)
    if store.one(tx, account_id, route_id) is None:
        raise RouteNotFound
    if values:
        store.change(tx, account_id, route_id, values)
    return one(tx, account_id, route_id)


def one(tx: Read, account_id: str, route_id: str) -> Route:
    """One route. Raises RouteNotFound."""
    found = store.one(tx, account_id, route_id)
    if found is None:
        raise RouteNotFound
    return found


def page(tx: Read, account_id: str, skip: int, limit: int) -> tuple[int, list[Route]]:
    """How many routes there are, and some of them in their order."""
    return store.count(tx, account_id), store.page(tx, account_id, skip, limit)


def delete(tx: Write, account_id: str, route_id: str) -> None:
    """Delete a route. Raises RouteNotFound."""
    store.touch(tx, account_id)
    if not store.remove(tx, account_id, route_id):
        raise RouteNotFound


def forget_account(tx: Write, account_id: str) -> None:
    """Delete everything an account has here."""
    store.forget(tx, account_id)
