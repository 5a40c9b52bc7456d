"""Mailing lists with their members, and routes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .client import Failed, segment
from .report import FAILED, THERE

if TYPE_CHECKING:
    from .copying import Copier

MEMBERS = 100  # a page
_LIST = ("name", "description", "access_level", "reply_preference")


async def copy_lists(move: Copier) -> None:
    """Copy all lists."""
    try:
        async for items, _ in move.source.pages("/v3/lists/pages", {"limit": 100}):
            for item in items:
                await _list(move, item)
    except Failed as no:
        move.report.note("lists", "of the account", FAILED, str(no))


async def _list(move: Copier, item: dict[str, Any]) -> None:
    address = item["address"]
    one = f"/v3/lists/{segment(address)}"
    fields = {key: item[key] for key in _LIST if item.get(key) is not None}

    async def write() -> bool:
        try:
            await move.target.get(one)
        except Failed as no:
            if no.status != 404:
                raise
            await move.target.call("POST", "/v3/lists", data={"address": address, **fields})
            return True
        await move.target.call("PUT", one, data=fields)
        return False

    async def members(found: list[Any]) -> None:
        given = [
            {
                "address": each["address"],
                "name": each.get("name") or "",
                "vars": each.get("vars") or {},
                "subscribed": bool(each.get("subscribed", True)),
            }
            for each in found
        ]
        more = {"members": json.dumps(given), "upsert": "yes"}
        await move.target.call("POST", f"{one}/members.json", data=more)

    if await move.item("lists", address, write):
        await move.paged("list members", address, f"{one}/members/pages", MEMBERS, members)


async def copy_routes(move: Copier) -> None:
    """Copy all routes. One has no name: it is there when another says the same."""
    try:
        found = [route async for route in move.source.offsets("/v3/routes")]
        there = [] if move.dry else [_said(route) async for route in move.target.offsets("/v3/routes")]
    except Failed as no:
        move.report.note("routes", "of the account", FAILED, str(no))
        return
    for route in found:  # made in turn, those of one priority keep their order
        if _said(route) in there:
            there.remove(_said(route))
            move.report.count("routes", THERE)
            continue
        await _route(move, route)


async def _route(move: Copier, route: dict[str, Any]) -> None:
    async def write() -> bool:
        fields = [("priority", str(route.get("priority", 0))), ("expression", route["expression"])]
        fields += [("description", route.get("description") or "")]
        fields += [("action", action) for action in route.get("actions") or []]
        await move.target.call("POST", "/v3/routes", data=fields)
        return True

    await move.item("routes", f"{route['id']} {route['expression']}", write)


def _said(route: dict[str, Any]) -> str:
    return json.dumps(
        [
            int(route.get("priority", 0)),
            route["expression"],
            route.get("description") or "",
            route.get("actions") or [],
        ]
    )
