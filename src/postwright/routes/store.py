"""SQL of routes."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, update

from postwright.kernel.db import Prepared, Read, Write

from .records import Route
from .tables import route_revisions, routes

_REVISION = Prepared(
    select(route_revisions.c.revision).where(route_revisions.c.account_id == bindparam("account")),
    ("account",),
)
_ORDER = (routes.c.priority, routes.c.created_at, routes.c.id)


def revision(tx: Read, account_id: str) -> int:
    """The number of an account's routes' last change; 0 when it never had any."""
    rows = tx.fetch(_REVISION, (account_id,))
    return rows[0][0] if rows else 0


def touch(tx: Write, account_id: str) -> None:
    """Move the revision; also serialises changes to an account's routes."""
    known = tx.run(
        update(route_revisions)
        .where(route_revisions.c.account_id == account_id)
        .values(revision=route_revisions.c.revision + 1)
    )
    if not known:
        tx.upsert(route_revisions, {"account_id": account_id, "revision": 1}, ["account_id"])


def every(tx: Read, account_id: str) -> list[Route]:
    """All routes of an account in their order."""
    return [_route(row) for row in tx.rows(select(routes).where(_mine(account_id)).order_by(*_ORDER))]


def page(tx: Read, account_id: str, skip: int, limit: int) -> list[Route]:
    """Some routes of an account in their order."""
    stmt = select(routes).where(_mine(account_id)).order_by(*_ORDER).offset(skip).limit(limit)
    return [_route(row) for row in tx.rows(stmt)]


def count(tx: Read, account_id: str) -> int:
    """How many routes an account has."""
    total: int = tx.scalar(select(func.count()).select_from(routes).where(_mine(account_id)))
    return total


def one(tx: Read, account_id: str, route_id: str) -> Route | None:
    """One route."""
    row = tx.row(select(routes).where(_mine(account_id), routes.c.id == route_id))
    return None if row is None else _route(row)


def add(tx: Write, route: Route) -> None:
    """Add a route."""
    values = msgspec.structs.asdict(route) | {"actions": msgspec.json.encode(route.actions)}
    tx.run(insert(routes).values(**values))


def change(tx: Write, account_id: str, route_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a route."""
    given = dict(values)
    if "actions" in given:
        given["actions"] = msgspec.json.encode(given["actions"])
    tx.run(update(routes).where(_mine(account_id), routes.c.id == route_id).values(**given))


def remove(tx: Write, account_id: str, route_id: str) -> int:
    """Delete a route; how many there were."""
    return tx.run(delete(routes).where(_mine(account_id), routes.c.id == route_id))


def forget(tx: Write, account_id: str) -> None:
    """Delete all routes of an account."""
    tx.run(delete(routes).where(_mine(account_id)))
    touch(tx, account_id)


def _mine(account_id: str) -> Any:
    return routes.c.account_id == account_id


def _route(row: Any) -> Route:
    actions: list[str] = msgspec.json.decode(row.actions)
    return Route(
        row.id, row.account_id, row.priority, row.description, row.expression, actions, row.created_at
    )
