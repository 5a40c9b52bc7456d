"""Suppression lists: by pages, with the dates they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import segment

if TYPE_CHECKING:
    from .copying import Copier

PAGE = 1000
_FIELDS = {
    "bounces": ("address", "code", "error", "created_at"),
    "unsubscribes": ("address", "tags", "created_at"),
    "complaints": ("address", "created_at"),
}


async def copy(move: Copier, name: str) -> None:
    """Copy the four lists of a domain."""
    path = segment(name)
    for kind, fields in _FIELDS.items():
        await _list(move, name, f"/v3/{path}/{kind}", kind, fields)

    async def allow(items: list[Any]) -> None:
        for item in items:
            fields = {item["type"]: item["value"], "reason": item.get("reason") or ""}
            await move.target.call("POST", f"/v3/{path}/whitelists", data=fields)

    await move.paged("whitelists", name, f"/v3/{path}/whitelists", PAGE, allow)


async def _list(move: Copier, name: str, path: str, kind: str, fields: tuple[str, ...]) -> None:
    async def write(items: list[Any]) -> None:
        entries = [{key: item[key] for key in fields if item.get(key) is not None} for item in items]
        await move.target.call("POST", path, json=entries)

    await move.paged(kind, name, path, PAGE, write)
